import { CompactSign } from 'jose';
import { describe, expect, test } from 'vitest';
import { type Claims, signTokens } from '../../src/http/tokens.ts';

const [first, second] = ['a'.repeat(32), 'b'.repeat(32)];
const tokens = signTokens([first]);
const claims: Claims = { use: 'attempt', id: 'x', attempt: 1, nonce: 'n', task: 't' };

const sign = (payload: string, header: object = { alg: 'HS256' }, secret = first) =>
  new CompactSign(new TextEncoder().encode(payload))
    .setProtectedHeader(header as { alg: string })
    .sign(new TextEncoder().encode(secret));

describe('a signed token', () => {
  test.each<Claims>([{ use: 'status', id: 'x', exp: 1 }, { use: 'begin', id: 'x', attempt: 1 }, claims])(
    'gives back what it was made of: %o',
    async (said) => {
      expect(tokens.read(tokens.mint(said))).toEqual(said);
    },
  );

  test('outlives a rotation: the first secret signs, any verifies', async () => {
    const old = tokens.mint(claims);
    const rotated = signTokens([second, first]);
    expect(await rotated.read(old)).toEqual(claims);
    expect(tokens.read(rotated.mint(claims))).toBeNull();
    expect(await signTokens([second]).read(old)).toBeNull();
  });

  test('with any one character changed is nothing', async () => {
    const token = tokens.mint(claims);
    // The last character of a signature holds two bits that mean nothing, so it is left out.
    for (let at = 0; at < token.length - 1; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(tokens.read(changed)).toBeNull();
    }
  });

  test.each([
    ['of a use we do not know', '{"use":"admin","id":"x"}'],
    ['with more than it should say', '{"use":"begin","id":"x","attempt":1,"nonce":"n"}'],
    ['with less', '{"use":"attempt","id":"x","attempt":1}'],
    ['with an odd expiry', '{"use":"status","id":"x","exp":"never"}'],
    ['that is no JSON', 'begin'],
  ])('%s is nothing, though the signature holds', async (_what, payload) => {
    expect(tokens.read(await sign(payload))).toBeNull();
  });

  test('of another algorithm, or of none, is nothing', async () => {
    const payload = JSON.stringify(claims);
    expect(tokens.read(await sign(payload))).toEqual(claims);
    expect(tokens.read(await sign(payload, { alg: 'HS512' }, first.repeat(2)))).toBeNull();
    const part = (text: string) => Buffer.from(text).toString('base64url');
    expect(tokens.read(`${part('{"alg":"none"}')}.${part(payload)}.`)).toBeNull();
    expect(tokens.read(await sign(payload, { alg: 'HS256' }, second))).toBeNull();
  });

  test.each(['', '.', '..', 'a.b.c', 'é'.repeat(20), 'x'.repeat(10_000), '\0'])(
    'that is garbage is nothing, not a failure',
    async (token) => {
      expect(tokens.read(token)).toBeNull();
    },
  );
});
