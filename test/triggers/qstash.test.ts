import { describe, expect, test } from 'vitest';
import { tasks } from '../functions/tasks.ts';
import type { TestEngine } from '../support/engine.ts';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { fromQstash, type QstashWords } from '../support/senders.ts';

const fresh = useFresh(tasks);
const [current, next] = ['sig_the-current-key-of-the-tests-0', 'sig_the-next-key-of-the-tests-0123'];
const base = 'https://mobula.test/base';

const make = () =>
  fresh.make({
    env: { MOBULA_PUBLIC_URL: base, QSTASH_CURRENT_SIGNING_KEY: current, QSTASH_NEXT_SIGNING_KEY: next },
  });

interface Words extends Partial<QstashWords> {
  readonly key?: string;
  readonly body?: string;
  /** What is sent instead of what was signed. */
  readonly sent?: string;
}

/** A message of QStash, to `path` unless the signature is for another address. */
async function deliver(app: TestEngine, path: string, { key = current, body = '{}', sent, ...words }: Words = {}) {
  const message = await fromQstash(key, body, { url: base + path, ...words });
  return app.call('POST', path, sent ?? message.body, { token: null, headers: message.headers });
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

describe('a message of QStash', () => {
  test('makes due work happen, by the current key and by the next', async () => {
    const app = make();
    await enqueue(app, 'note', { value: 1 });
    expect((await deliver(app, '/run', { key: next })).body).toMatchObject({ processed: 1 });
    expect((await deliver(app, '/run-one')).body).toMatchObject({ processed: false });
  });

  test('is over the bytes as they came, however they are spaced', async () => {
    const app = make();
    expect((await deliver(app, '/run', { body: ' {  "max_tasks" :1 }\n' })).status).toBe(200);
    expect((await deliver(app, '/run', { body: '' })).status).toBe(200);
  });

  test('may carry the digest of its body with or without padding', async () => {
    const { createHash } = await import('node:crypto');
    const padded = `${createHash('sha256').update('{}').digest('base64url')}=`;
    expect((await deliver(make(), '/run', { claims: { body: padded } })).status).toBe(200);
  });

  test('delivered twice does the work once', async () => {
    const app = make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const path = `/execute/${id}`;
    const message = await fromQstash(current, '{}', { url: base + path });
    const send = () => app.call('POST', path, message.body, { token: null, headers: message.headers });
    expect((await send()).status).toBe(200);
    expectProblem(await send(), 409, 'not_executable');
    expect(await fresh.sql('select 1 from mobula.attempts')).toHaveLength(1);
  });

  test('says where it goes: the request’s own word for that does not count', async () => {
    const app = make();
    const message = await fromQstash(current, '{}', { url: 'https://evil.test/run' });
    const headers = { ...message.headers, host: 'evil.test', 'x-forwarded-host': 'evil.test' };
    const response = await app.app.request('https://evil.test/run', { method: 'POST', body: '{}', headers });
    expect(response.status).toBe(401);
  });
});

const bad: Record<string, Words> = {
  'for another route': { url: `${base}/run-one` },
  'for the same route elsewhere': { url: 'https://elsewhere.test/base/run' },
  'for the route with a query': { url: `${base}/run?max_tasks=1` },
  'with another body than was signed': { sent: '{"max_tasks":1}' },
  'with white space that was not signed': { sent: '{} ' },
  'by a key of nobody': { key: 'sig_some-other-key-of-the-tests-01' },
  'of another issuer': { claims: { iss: 'upstash' } },
  'that has expired': { claims: { exp: inSeconds(-1), nbf: inSeconds(-301), iat: inSeconds(-301) } },
  'that is not good yet': { claims: { nbf: inSeconds(120) } },
  'whose expiry is a text': { claims: { exp: '9999999999' } },
  'without an expiry': { claims: { exp: undefined } },
  'without the digest of a body': { claims: { body: undefined } },
  'without an address': { claims: { sub: undefined } },
  'of another type': { header: { typ: 'at+jwt' } },
  'that brings its own keys': { header: { jku: 'https://evil.test/keys' } },
};

test.each(Object.entries(bad))('a message %s is no proof, and nothing runs', async (_, words) => {
  const app = make();
  await enqueue(app, 'note', { value: 1 });
  const before = await fresh.fingerprint();
  expectProblem(await deliver(app, '/run', words), 401, 'unauthenticated');
  expect(await fresh.fingerprint()).toBe(before);
});

test('a message to anything but a trigger is no proof, though its signature holds', async () => {
  const app = make();
  for (const path of ['/purge', '/tasks', '/executions/reset']) {
    expectProblem(await deliver(app, path), 401, 'unauthenticated');
  }
});

test('a signature without QStash’s keys in the settings is no proof', async () => {
  expectProblem(await deliver(fresh.make(), '/run'), 401, 'unauthenticated');
});
