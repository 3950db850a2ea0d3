import { task } from 'mobula';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { FakeRay, type Trouble } from '../support/fake-ray.ts';
import { enqueue, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

/** Whatever is secret is called so, and is never to be seen again. */
const canary = (name: string) => `canary-${name}-0123456789-0123456789-0123456789`;
const isSeen = /canary-/;

const picky = task({
  name: 'picky',
  input: z.strictObject({ code: z.enum(['a', 'b']), at: z.iso.date().optional() }),
  run: () => null,
});
const fresh = useFresh([...tasks, picky]);

let ray: FakeRay;
beforeAll(async () => {
  ray = await FakeRay.start({ token: canary('ray-token') });
});
afterAll(() => ray.close());

const secrets = {
  MOBULA_SECRET: `${canary('secret')},${canary('older-secret')}`,
  MOBULA_TRIGGER_TOKENS: canary('trigger'),
  MOBULA_ENQUEUE_TOKENS: canary('enqueue'),
  MOBULA_READ_TOKENS: canary('read'),
  MOBULA_ADMIN_TOKENS: canary('admin'),
  RAY_AUTH_TOKEN: canary('ray-token'),
  MOBULA_RAY_HEADERS: JSON.stringify({ 'x-proxy-key': canary('proxy') }),
  MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { API_KEY: canary('api-key') } }),
};
const admin = { token: canary('admin') };

/** An app with every secret, and all that it has answered and logged as one text. */
function make(options: Parameters<typeof fresh.make>[0] = {}) {
  const app = fresh.make({ ray, env: secrets, ...options });
  const answers: string[] = [];
  return {
    app,
    async call(method: string, path: string, body?: unknown, how = {}) {
      const answer = await app.call(method, path, body, { ...admin, ...how });
      answers.push(answer.text, JSON.stringify([...answer.headers]));
      return answer;
    },
    said: () => `${answers.join('\n')}\n${JSON.stringify(app.lines)}`,
  };
}

/** Every row there is, but for inputs, which are a caller's own. */
async function rows(): Promise<string> {
  const tables = await fresh.sql<{ name: string }>(
    `select quote_ident(table_name) as name from information_schema.tables
     where table_schema = 'mobula' and table_name <> 'inputs'`,
  );
  const dumps = await Promise.all(tables.map(({ name }) => fresh.sql(`select t::text as row from mobula.${name} t`)));
  return JSON.stringify(dumps);
}

test('no answer and no log line has a secret, whatever is asked with and without proof', async () => {
  const { call, said } = make();
  const made = await call('POST', '/tasks', { task: 'fail', input: {} });
  const onRay = await call('POST', '/tasks', { task: 'on_ray', input: {} });
  await call('POST', '/run', {});
  const { id } = onRay.body.task;
  for (const path of [
    '/health',
    '/openapi.json',
    '/livez',
    '/readyz',
    `/status/${id}`,
    `/executions/${id}`,
    `/executions/${made.body.task.id}`,
  ]) {
    expect((await call('GET', path)).status).toBe(200);
    await call('GET', path, undefined, { token: canary('nobody') });
  }
  await call('POST', '/run', '{"queue_name": "canary-', { headers: { 'content-type': 'application/json' } });
  expect(await rows()).not.toMatch(isSeen);
  await call('POST', '/purge', { days: 0 });
  expect(said()).not.toMatch(isSeen);
  expect(JSON.stringify(ray.accepted.map(({ metadata, entrypoint }) => [metadata, entrypoint]))).not.toMatch(isSeen);
});

test('an input is never quoted, neither where it is refused nor where it is run', async () => {
  const { call, said } = make();
  for (const input of [
    { code: canary('input') },
    { code: 'a', at: canary('input') },
    { [canary('input').slice(0, 6)]: canary('input') },
    canary('input'),
  ]) {
    expect((await call('POST', '/tasks', { task: 'picky', input })).status).toBe(422);
  }
  await call('POST', '/tasks', { task: 'note', input: { value: canary('input') }, max_attempts: 1000 });
  const text = `{"task":"note","input":{"value":"${canary('input')}\\ud800"}}`;
  await call('POST', '/tasks', text, { headers: { 'content-type': 'application/json' } });
  const { body } = await call('POST', '/tasks', { task: 'picky', input: { code: 'a' } });
  await fresh.sql('update mobula.inputs set input = $2 where execution_id = $1', [
    body.task.id,
    JSON.stringify({ code: canary('input') }),
  ]);
  await call('POST', '/run', {});
  const seen = await call('GET', `/executions/${body.task.id}`);
  expect(seen.body.task).toMatchObject({ state: 'FAILED', error: { type: 'InvalidInput' } });
  expect(said()).not.toMatch(isSeen);
});

test('a database that is away is said without its address and password', async () => {
  const { call, said } = make({
    url: `postgres://${canary('user')}:${canary('password')}@127.0.0.1:1/${canary('name')}`,
  });
  for (const [method, path] of [
    ['POST', '/run'],
    ['GET', '/readyz'],
    ['GET', '/health'],
    ['POST', '/purge'],
  ] as const) {
    expect((await call(method, path)).status).toBe(503);
  }
  await call('POST', '/tasks', { task: 'note', input: { value: canary('input') } });
  expect(said()).not.toMatch(isSeen);
});

const troubles: readonly Trouble[] = [
  'quoteRequest',
  '401',
  '403',
  '400',
  '500',
  'garbage',
  'html',
  'redirect',
  'takeThenDrop',
];

test.each(troubles)('what Ray says when it goes wrong is passed on without them: %s', async (trouble) => {
  const { app, call, said } = make();
  const { id } = await enqueue(
    { ...app, call: (...[method, path, body]) => app.call(method, path, body, admin) },
    'on_ray',
    {},
  );
  ray.next('submit', trouble);
  await call('POST', '/run', {});
  await call('GET', `/executions/${id}`);
  ray.next('version', trouble);
  await call('GET', '/health');
  expect(said()).not.toMatch(isSeen);
  expect(await rows()).not.toMatch(isSeen);
});

test('an address with credentials is shown without them', async () => {
  const url = new URL(ray.url);
  url.username = 'someone';
  url.password = canary('password');
  const { call, said } = make({ ray: { url: url.href } });
  const { body } = await call('POST', '/tasks', { task: 'on_ray', input: {} });
  await call('POST', '/run', {});
  await call('GET', `/executions/${body.task.id}`);
  await call('GET', '/health');
  expect(said()).not.toMatch(isSeen);
  expect(await rows()).not.toMatch(isSeen);
});
