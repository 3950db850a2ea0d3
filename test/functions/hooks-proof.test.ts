import { createHmac } from 'node:crypto';
import { verify as githubVerifies } from '@octokit/webhooks-methods';
import { bearer, github, qstash, standardWebhooks } from 'mobula';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import type { Hooks } from '../../src/core/hook.ts';
import { bearerTokens } from '../support/engine.ts';
import { expectProblem, useFresh } from '../support/fresh.ts';
import { fromGithub, fromQstash, fromStandardWebhooks, type Sent, whsec } from '../support/senders.ts';
import { note, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const base = 'https://mobula.test';
const input = (value: unknown) => ({ value });
const hooks: Hooks = {
  github: { task: note, verify: github(), input },
  shop: { task: note, verify: standardWebhooks(), input },
  'other-shop': { task: note, verify: standardWebhooks(), input },
  queue: { task: note, verify: qstash(), input },
  plain: { task: note, verify: bearer(), input },
};
const [githubSecret, shop, otherShop, queue, token] = [
  'the-github-secret-of-the-tests-0123456789',
  whsec(32),
  whsec(32, 'o'),
  'sig_the-signing-key-of-the-tests-0',
  'the-plain-token-of-the-tests-012345',
];
const secrets = {
  MOBULA_PUBLIC_URL: base,
  MOBULA_HOOK_GITHUB_SECRETS: githubSecret,
  MOBULA_HOOK_SHOP_SECRETS: shop,
  MOBULA_HOOK_OTHER_SHOP_SECRETS: otherShop,
  MOBULA_HOOK_QUEUE_SECRETS: queue,
  MOBULA_HOOK_PLAIN_SECRETS: token,
};
const make = (env = {}) => fresh.make({ hooks, env: { ...secrets, ...env } });

const deliver = (app: ReturnType<typeof make>, hook: string, { body, headers }: Sent) =>
  app.call('POST', `/hooks/${hook}`, body, { token: null, headers });

/** Sends it to a hook, and expects that nobody is believed and nothing is written. */
async function expectRefused(hook: string, sent: Sent): Promise<void> {
  const app = make();
  const answer = await deliver(app, hook, sent);
  expectProblem(answer, 401, 'unauthenticated');
  expect(await fresh.sql('select 1 from mobula.executions')).toHaveLength(0);
  const said = answer.text + JSON.stringify([...answer.headers, app.lines]);
  for (const secret of [githubSecret, shop, otherShop, queue, token]) expect(said).not.toContain(secret);
}

const over = ({ body, headers }: Sent, more: Record<string, string>): Sent => ({
  body,
  headers: { ...headers, ...more },
});
const without = ({ body, headers }: Sent, name: string): Sent => ({
  body,
  headers: Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name)),
});
const at = (seconds: number) => ({ at: new Date(Date.now() + seconds * 1_000) });
const hmac = (secret: string, text: string) =>
  createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(text);

describe('GitHub’s signature', () => {
  const body = '{ "odd" :   "spacing, and ä" }';

  test('is the one that GitHub’s own library makes and takes', async () => {
    const sent = await fromGithub(githubSecret, body);
    expect(await githubVerifies(githubSecret, body, sent.headers['x-hub-signature-256'] ?? '')).toBe(true);
    expect((await deliver(make(), 'github', sent)).status).toBe(201);
  });

  test('is of GitHub’s published example', async () => {
    const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    const delivery = {
      headers: new Headers({ 'x-hub-signature-256': signature, 'x-github-delivery': 'd' }),
      url: null,
      bytes: new TextEncoder().encode('Hello, World!'),
    };
    const now = async () => new Date();
    expect(await github().verify(delivery, ["It's a Secret to Everybody"], now)).toEqual({ id: 'd' });
  });

  const bad: Record<string, () => Promise<Sent>> = {
    'is missing': async () => without(await fromGithub(githubSecret, body), 'x-hub-signature-256'),
    'is of another body': async () => ({ ...(await fromGithub(githubSecret, body)), body: `${body} ` }),
    'is of another secret': () => fromGithub(`${githubSecret}x`, body),
    'is of the older kind': async () =>
      over(await fromGithub(githubSecret, body), { 'x-hub-signature-256': 'sha1=00' }),
    'has no name of its kind': async () => {
      const sent = await fromGithub(githubSecret, body);
      return over(sent, { 'x-hub-signature-256': sent.headers['x-hub-signature-256']?.slice(7) ?? '' });
    },
    'is cut short': async () => {
      const sent = await fromGithub(githubSecret, body);
      return over(sent, { 'x-hub-signature-256': sent.headers['x-hub-signature-256']?.slice(0, -2) ?? '' });
    },
    'comes with an id that is no id': () => fromGithub(githubSecret, body, 'x'.repeat(129)),
  };
  test.each(Object.entries(bad))('that %s is no proof', async (_, sent) => expectRefused('github', await sent()));
});

describe('a signature of Standard Webhooks', () => {
  const good = () => fromStandardWebhooks(shop, '{ "a":1 }', { id: 'msg_1' });

  test('is the one that the specification’s own library makes and takes, at either end of its five minutes', async () => {
    const app = make();
    for (const [id, seconds] of [
      ['a', -295],
      ['b', 0],
      ['c', 295],
    ] as const) {
      const sent = fromStandardWebhooks(shop, '{ "a":1 }', { id, ...at(seconds) });
      new Webhook(shop).verify(sent.body, sent.headers);
      expect([seconds, (await deliver(app, 'shop', sent)).status]).toEqual([seconds, 201]);
    }
  });

  test('may be one of several, when its sender is changing the secret', async () => {
    const sent = good();
    const signature = sent.headers['webhook-signature'] ?? '';
    const list = `v1,AAAA v1a,${signature.slice(3)} nonsense ${signature}`;
    expect((await deliver(make(), 'shop', over(sent, { 'webhook-signature': list }))).status).toBe(201);
  });

  test('may be under Svix’s names', async () => {
    const { body, headers } = good();
    const named = Object.entries(headers).map(([name, value]) => [name.replace('webhook-', 'svix-'), value]);
    expect((await deliver(make(), 'shop', { body, headers: Object.fromEntries(named) })).status).toBe(201);
  });

  const bad: Record<string, () => Sent> = {
    'is missing': () => without(good(), 'webhook-signature'),
    'comes without its time': () => without(good(), 'webhook-timestamp'),
    'comes without its id': () => without(good(), 'webhook-id'),
    'is of another body': () => ({ ...good(), body: '{ "a":2 }' }),
    'is of another id': () => over(good(), { 'webhook-id': 'msg_2' }),
    'is of another time': () => over(good(), { 'webhook-timestamp': String(Math.floor(Date.now() / 1_000) + 2) }),
    'is too old': () => fromStandardWebhooks(shop, '{}', at(-302)),
    'is too far ahead': () => fromStandardWebhooks(shop, '{}', at(302)),
    'has a time that is no whole number': () => {
      const time = `${Math.floor(Date.now() / 1_000)}.0`;
      return {
        body: '{}',
        headers: {
          'content-type': 'application/json',
          'webhook-id': 'msg_1',
          'webhook-timestamp': time,
          'webhook-signature': `v1,${hmac(shop, `msg_1.${time}.{}`).digest('base64')}`,
        },
      };
    },
    'has an id with a full stop': () => fromStandardWebhooks(shop, '{}', { id: 'msg.1' }),
    'is of the other kind alone (v1a)': () => {
      const sent = good();
      return over(sent, { 'webhook-signature': `v1a,${sent.headers['webhook-signature']?.slice(3)}` });
    },
    'is of another hook’s secret': () => fromStandardWebhooks(otherShop, '{}'),
    'is no Base64': () => over(good(), { 'webhook-signature': 'v1,*' }),
  };
  test.each(Object.entries(bad))('that %s is no proof', async (_, sent) => expectRefused('shop', sent()));

  test('of one hook is no proof at another', () => expectRefused('other-shop', good()));

  test('again after five minutes is no proof, by the database’s clock', async () => {
    const app = make();
    const sent = good();
    expect((await deliver(app, 'shop', sent)).status).toBe(201);
    await fresh.sql(`create or replace function mobula.clock() returns timestamptz language sql stable parallel safe
      return statement_timestamp() + interval '302 seconds'`);
    try {
      expectProblem(await deliver(app, 'shop', sent), 401, 'unauthenticated');
    } finally {
      await fresh.sql(`create or replace function mobula.clock() returns timestamptz language sql stable parallel safe
        return statement_timestamp()`);
    }
  });
});

describe('QStash’s signature of a hook', () => {
  const url = `${base}/hooks/queue`;
  const bad: Record<string, () => Promise<Sent>> = {
    'is missing': async () => without(await fromQstash(queue, '{}', { url }), 'upstash-signature'),
    'is for another hook': () => fromQstash(queue, '{}', { url: `${base}/hooks/plain` }),
    'is of another body': async () => ({ ...(await fromQstash(queue, '{}', { url })), body: '{ }' }),
    'is of another key': () => fromQstash('sig_some-other-key-of-the-tests-01', '{}', { url }),
    'has expired': () => fromQstash(queue, '{}', { url, claims: { exp: Math.floor(Date.now() / 1_000) - 1 } }),
  };
  test.each(Object.entries(bad))('that %s is no proof', async (_, sent) => expectRefused('queue', await sent()));

  test('is asked for at the hook, though QStash may trigger too by the same keys', async () => {
    const app = make({ QSTASH_CURRENT_SIGNING_KEY: queue });
    expect((await deliver(app, 'queue', await fromQstash(queue, '{}', { url }))).status).toBe(201);
  });
});

describe('a bearer token of a hook', () => {
  const sent = (headers: Record<string, string>): Sent => ({
    body: '{}',
    headers: { 'content-type': 'application/json', ...headers },
  });

  test.each([
    ['is missing', {}],
    ['is another', { authorization: `Bearer ${token}x` }],
    ['is of another scheme', { authorization: `Basic ${token}` }],
  ])('that %s is no proof', (_, headers) => expectRefused('plain', sent(headers)));

  test('of a scope is not good for it, not even the administrator’s', async () => {
    for (const scope of Object.values(bearerTokens)) {
      const answer = await deliver(make(), 'plain', sent({ authorization: `Bearer ${scope}` }));
      expectProblem(answer, 403, 'forbidden');
    }
  });

  test('is not good for anything but its hook', async () => {
    const app = make();
    expectProblem(await deliver(app, 'github', sent({ authorization: `Bearer ${token}` })), 401, 'unauthenticated');
    for (const path of ['/run', '/tasks', '/purge'])
      expectProblem(await app.call('POST', path, {}, { token }), 401, 'unauthenticated');
  });
});

test('a hook that is not there is as closed as one without proof', async () => {
  const sent = await fromGithub(githubSecret, '{}');
  for (const name of ['nothing', 'constructor', '__proto__', 'GITHUB', 'github%2F..']) await expectRefused(name, sent);
});

test('without the database’s clock nothing is believed: the sender is told to come again', async () => {
  const app = fresh.make({
    hooks,
    url: 'postgres://nobody:nothing@127.0.0.1:1/none',
    env: secrets,
  });
  const answer = await deliver(app, 'shop', fromStandardWebhooks(shop, '{}'));
  expectProblem(answer, 503, 'database_unavailable');
  expect(answer.headers.get('retry-after')).toBe('5');
  expectProblem(await deliver(app, 'shop', fromStandardWebhooks(otherShop, '{}')), 401, 'unauthenticated');
});
