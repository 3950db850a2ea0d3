import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tasks } from '../functions/tasks.ts';
import type { TestEngine } from '../support/engine.ts';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { Issuer, signWith } from '../support/issuer.ts';

const fresh = useFresh(tasks);
const [audience, other] = ['https://mobula.test/run', 'https://mobula.test'];
const email = 'cron@project.iam.gserviceaccount.com';
const google = 'https://accounts.google.com';

let issuer: Issuer;
let stranger: Issuer;
beforeAll(async () => {
  issuer = await Issuer.start();
  stranger = await Issuer.start();
});
afterAll(() => Promise.all([issuer.close(), stranger.close()]));

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

/** What Cloud Scheduler's tokens say. */
const good = () => ({
  iss: issuerName,
  aud: audience,
  azp: '1234567890',
  sub: '1234567890',
  email,
  email_verified: true,
  iat: inSeconds(-1),
  exp: inSeconds(3_600),
});
const issuerName = 'https://issuer.test';

const settings = () => ({
  MOBULA_OIDC_AUDIENCE: `${other},${audience}`,
  MOBULA_OIDC_EMAILS: `${email},tasks@project.iam.gserviceaccount.com`,
  MOBULA_OIDC_ISSUER: issuerName,
  MOBULA_OIDC_JWKS_URL: issuer.keysUrl,
});
const run = (app: TestEngine, token: string, path = '/run') => app.call('POST', path, {}, { token });

let app: TestEngine;
beforeEach(() => {
  app = fresh.make({ env: settings() });
});

describe('a token of an allowed account', () => {
  test('makes due work happen, and is what a scheduler needs no secret for', async () => {
    const { id } = await enqueue(app, 'note', { value: 1 });
    const token = await issuer.sign(good());
    expect((await run(app, token)).body).toMatchObject({ processed: 1 });
    expect((await run(app, token, '/run-one')).body).toMatchObject({ processed: false });
    expectProblem(await run(app, token, `/execute/${id}`), 409, 'not_executable');
  });

  test('may be for any of the audiences and of any of the accounts', async () => {
    const tasksAccount = { ...good(), aud: other, email: 'tasks@project.iam.gserviceaccount.com' };
    expect((await run(app, await issuer.sign(tasksAccount))).status).toBe(200);
  });

  test('opens nothing but triggers', async () => {
    const token = await issuer.sign(good());
    for (const [method, path] of [
      ['POST', '/tasks'],
      ['GET', '/executions'],
      ['GET', '/health'],
    ] as const) {
      expectProblem(await app.call(method, path, undefined, { token }), 403, 'forbidden');
    }
  });

  test('purges by the defaults, as a cron does, and never by words of its own', async () => {
    const token = await issuer.sign(good());
    expectProblem(await app.call('POST', '/purge', { days: 0 }, { token }), 403, 'forbidden');
    expect((await app.call('POST', '/purge', undefined, { token })).body).toMatchObject({ deleted: 0 });
  });

  test('of the same slot twice does the work once: /run asks what is due, whoever calls and how often', async () => {
    await enqueue(app, 'note', { value: 1 });
    const token = await issuer.sign(good());
    const headers = {
      'x-cloudscheduler-jobname': 'every-minute',
      'x-cloudscheduler-scheduletime': '2026-11-21T10:00:00Z',
    };
    const calls = await Promise.all([1, 2, 3].map(() => app.call('POST', '/run', {}, { token, headers })));
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(calls.reduce((sum, { body }) => sum + body.processed, 0)).toBe(1);
    expect(await fresh.sql('select 1 from mobula.attempts')).toHaveLength(1);
  });
});

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Tokens that are almost good; each is made of the good one. */
const bad: Record<string, () => Promise<string>> = {
  'without a signature (alg none)': async () => `${part({ alg: 'none', typ: 'JWT' })}.${part(good())}.`,
  'signed by HS256 with the public key': async () => {
    const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: 'first' })}.${part(good())}`;
    return `${signed}.${createHmac('sha256', await issuer.publicText())
      .update(signed)
      .digest('base64url')}`;
  },
  'for another audience': () => issuer.sign({ ...good(), aud: 'https://mobula.test/run/' }),
  'for several audiences, ours among them': () => issuer.sign({ ...good(), aud: ['https://elsewhere.test', audience] }),
  'for ours alone, but in a list': () => issuer.sign({ ...good(), aud: [audience] }),
  'of another issuer': () => issuer.sign({ ...good(), iss: google }),
  'that has expired': () => issuer.sign({ ...good(), iat: inSeconds(-3_700), exp: inSeconds(-1) }),
  'that is not good yet': () => issuer.sign({ ...good(), nbf: inSeconds(300) }),
  'that was made in the future': () => issuer.sign({ ...good(), iat: inSeconds(300) }),
  'whose expiry is a text': () => issuer.sign({ ...good(), exp: '9999999999' }),
  'whose expiry is no number': () => issuer.sign({ ...good(), exp: null }),
  'that never expires': async () => {
    const { exp: _, ...endless } = good();
    return issuer.sign(endless);
  },
  'of a key that nobody published': () => issuer.sign(good(), { kid: 'unknown' }),
  'by a stranger under the name of our key': () => stranger.sign(good(), { kid: 'first' }),
  'that brings its own keys (jku)': () => stranger.sign(good(), { jku: stranger.keysUrl }),
  'that brings its own certificate (x5u)': () => stranger.sign(good(), { x5u: `${stranger.keysUrl}.pem` }),
  'that brings its own key (jwk)': async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    return signWith(privateKey, good(), { jwk: await exportJWK(publicKey) });
  },
  'that wants an extension understood (crit)': () => issuer.sign(good(), { crit: ['x'], x: 1 }),
  'of another type': () => issuer.sign(good(), { typ: 'at+jwt' }),
  'of an account whose address is not verified': () => issuer.sign({ ...good(), email_verified: false }),
  'that says verified in letters': () => issuer.sign({ ...good(), email_verified: 'true' }),
  'of another account': () => issuer.sign({ ...good(), email: 'cron@another.iam.gserviceaccount.com' }),
  'of no account': async () => {
    const { email: _, ...nobody } = good();
    return issuer.sign(nobody);
  },
  'whose signature Google has taken away': async () =>
    `${(await issuer.sign(good())).split('.').slice(0, 2).join('.')}.SIGNATURE_REMOVED_BY_GOOGLE`,
  'with one claim changed after signing': async () => {
    const [header, , signature] = (await issuer.sign(good())).split('.');
    return `${header}.${part({ ...good(), exp: inSeconds(7_200) })}.${signature}`;
  },
};

test.each(Object.entries(bad))('a token %s is no proof, and nothing runs', async (_, make) => {
  await enqueue(app, 'note', { value: 1 });
  const before = await fresh.fingerprint();
  expectProblem(await run(app, await make()), 401, 'unauthenticated');
  expect(await fresh.fingerprint()).toBe(before);
  expect((await run(app, await issuer.sign(good()))).status).toBe(200);
  expect(stranger.asked).toBe(0);
});

test('the good token is no proof where no audience is configured', async () => {
  expectProblem(await run(fresh.make(), await issuer.sign(good())), 401, 'unauthenticated');
});

test.each([google, 'accounts.google.com'])(
  'Google is the issuer unless another is set, by its name %s',
  async (iss) => {
    const { MOBULA_OIDC_ISSUER: _, ...env } = settings();
    const googles = fresh.make({ env });
    expect((await run(googles, await issuer.sign({ ...good(), iss }))).status).toBe(200);
    expectProblem(await run(googles, await issuer.sign(good())), 401, 'unauthenticated');
  },
);

test('the database’s clock decides: a server that lives in another hour changes nothing', async () => {
  await fresh.sql(`create or replace function mobula.clock() returns timestamptz language sql stable parallel safe
    return statement_timestamp() + interval '2 hours'`);
  try {
    expectProblem(await run(app, await issuer.sign(good())), 401, 'unauthenticated');
    const later = { ...good(), iat: inSeconds(7_100), exp: inSeconds(10_800) };
    expect((await run(app, await issuer.sign(later))).status).toBe(200);
  } finally {
    await fresh.sql(`create or replace function mobula.clock() returns timestamptz language sql stable parallel safe
      return statement_timestamp()`);
  }
});
