import { CompactSign, type CryptoKey, compactVerify } from 'jose';
import * as z from 'zod';
import { limits } from '../core/limits.ts';
import { once } from './once.ts';

const executionId = z.string().min(1).max(100);
const attempt = z.int().min(1);

const claims = z.discriminatedUnion('use', [
  z.strictObject({ use: z.literal('status'), id: executionId, exp: z.int() }),
  z.strictObject({ use: z.literal('begin'), id: executionId, attempt }),
  z.strictObject({
    use: z.literal('attempt'),
    id: executionId,
    attempt,
    nonce: z.string().min(1).max(200),
    task: z.string().min(1).max(limits.nameLength),
  }),
  z.strictObject({ use: z.literal('chain'), stamp: z.string().min(1).max(40), link: z.int().min(1) }),
]);

/**
 * What a signed token says, in one of its uses, none of which stands for another: to read one execution until `exp`
 * (seconds since 1970), to begin one attempt, to report for one attempt of this task that began
 * with this nonce, or to be one link of the chain of runs.
 */
export type Claims = z.output<typeof claims>;

export interface SignedTokens {
  /** Signs with the first secret. */
  mint(claims: Claims): Promise<string>;
  /** What a token of ours says, by whichever secret it was signed; null for anything else. `exp` is not judged here. */
  read(token: string): Promise<Claims | null>;
}

const tokenLengthMax = 2_048;

/** Compact JWS with HMAC-SHA-256, compared by WebCrypto in constant time. The keys are imported once, when first used. */
export function signTokens(secrets: readonly string[]): SignedTokens {
  if (secrets.length === 0) throw new RangeError('Signing takes at least one secret.');
  const importKeys = once(() => Promise.all(secrets.map(importKey)));
  return {
    async mint(said) {
      const [key] = await importKeys();
      const payload = new TextEncoder().encode(JSON.stringify(claims.parse(said)));
      return new CompactSign(payload).setProtectedHeader({ alg: 'HS256' }).sign(key!);
    },
    async read(token) {
      if (token.length > tokenLengthMax) return null;
      const found = await Promise.all((await importKeys()).map((key) => readWith(key, token)));
      return found.find((said) => said !== null) ?? null;
    },
  };
}

const importKey = (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ]);

/** jose says by throwing that a token is not what it should be; here that is an answer. */
async function readWith(key: CryptoKey, token: string): Promise<Claims | null> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: ['HS256'] });
    return claims.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch {
    return null;
  }
}
