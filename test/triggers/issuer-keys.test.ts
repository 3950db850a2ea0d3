import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issuerKeys } from '../../src/http/jwks.ts';
import { tasks } from '../functions/tasks.ts';
import { expectProblem, useFresh } from '../support/fresh.ts';
import { Issuer } from '../support/issuer.ts';

let issuer: Issuer;
let seconds: number;
beforeAll(async () => {
  issuer = await Issuer.start();
});
afterAll(() => issuer.close());
beforeEach(() => {
  seconds = 0;
  issuer.asked = 0;
  issuer.trouble = null;
});

/** Keys as one process holds them, by a clock that the test turns. */
const open = () => issuerKeys({ url: issuer.keysUrl, send: fetch, monotonicMs: () => seconds * 1_000 });
const first = { alg: 'RS256', kid: 'first' };
const away = expect.objectContaining({ code: 'oidc_unavailable' });

describe('the keys of an issuer', () => {
  test('are asked for when first needed, and held for an hour', async () => {
    const keys = open();
    for (seconds of [0, 60, 3_599]) expect(await keys(first)).not.toBeNull();
    expect(issuer.asked).toBe(1);
    seconds = 3_600;
    expect(await keys(first)).not.toBeNull();
    expect(issuer.asked).toBe(2);
  });

  test('are believed while the issuer is away, for as long as they are held, and then nothing is', async () => {
    const keys = open();
    await keys(first);
    await issuer.close();
    try {
      seconds = 3_599;
      expect(await keys(first)).not.toBeNull();
      seconds = 3_600;
      await expect(keys(first)).rejects.toEqual(away);
    } finally {
      await issuer.open();
    }
    seconds = 3_605;
    expect(await keys(first)).not.toBeNull();
  });

  test('that were never had are nothing to believe, and are asked for every five seconds at most', async () => {
    issuer.trouble = { status: 500 };
    const keys = open();
    for (seconds of [0, 1, 4.9, 5, 9]) await expect(keys(first)).rejects.toEqual(away);
    expect(issuer.asked).toBe(2);
  });

  test('have a new one soon after it is published, and are asked after an unknown one once a minute at most', async () => {
    const keys = open();
    await keys(first);
    const unknown = { alg: 'RS256', kid: 'second' };
    for (seconds of [1, 30, 59]) expect(await keys(unknown)).toBeNull();
    expect(issuer.asked).toBe(1);
    await issuer.rotate('second');
    for (seconds of [60, 61, 119]) expect(await keys(unknown)).not.toBeNull();
    expect(issuer.asked).toBe(2);
    for (seconds of [119.9, 120, 121, 179]) expect(await keys({ alg: 'RS256', kid: 'none' })).toBeNull();
    expect(issuer.asked).toBe(3);
  });

  test.each([
    ['a redirect', () => ({ status: 302, headers: { location: issuer.keysUrl } })],
    ['a page', () => ({ status: 200, body: '<html>' })],
    ['an empty object', () => ({ status: 200, body: '{}' })],
    ['more than a set of keys can be', () => ({ status: 200, body: `{"keys":[],"x":"${'x'.repeat(300_000)}"}` })],
  ])('are not taken from %s', async (_, trouble) => {
    issuer.trouble = trouble();
    await expect(open()(first)).rejects.toEqual(away);
    expect(issuer.asked).toBe(1);
  });
});

const fresh = useFresh(tasks);

test('without keys a token is answered with 503 and when to come back, and never with 200', async () => {
  issuer.trouble = { status: 503 };
  const app = fresh.make({
    env: {
      MOBULA_OIDC_AUDIENCE: 'https://mobula.test',
      MOBULA_OIDC_EMAILS: 'cron@project.test',
      MOBULA_OIDC_JWKS_URL: issuer.keysUrl,
    },
  });
  const token = await issuer.sign({ iss: 'https://accounts.google.com', aud: 'https://mobula.test' });
  const answer = await app.call('POST', '/run', {}, { token });
  expectProblem(answer, 503, 'oidc_unavailable');
  expect(answer.headers.get('retry-after')).toBe('5');
  expect((await app.call('POST', '/run', {}, { token: 'trigger' })).status).toBe(200);
  expectProblem(await app.call('POST', '/run', {}, { token: 'x'.repeat(40) }), 401, 'unauthenticated');
});
