import { expect, test } from 'vitest';
import { expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const wish = { task: 'note', input: { value: 1 } };

const post = (app: ReturnType<typeof fresh.make>, key: string, body: unknown = wish, path = '/tasks') =>
  app.call('POST', path, body, {
    token: 'enqueue',
    headers: { 'idempotency-key': key, 'content-type': 'application/json' },
  });

const count = async () => (await fresh.sql('select 1 from mobula.executions')).length;

test('the same key and body are answered by the same execution, with its token', async () => {
  const app = fresh.make();
  const first = await post(app, 'a-key');
  const second = await post(app, 'a-key');
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body.task.id).toBe(first.body.task.id);
  expect(second.body.status_token).toBe(first.body.status_token);
  expect(await count()).toBe(1);
});

test('bodies are compared as they parse: white space, key order and spelling do not count', async () => {
  const app = fresh.make();
  await post(app, 'k', '{"task":"note","input":{"value":{"a":1.0,"b":"\\u00e4"}},"priority":5}');
  const second = await post(app, 'k', '{ "priority":5.0, "input":{"value":{"b":"ä", "a":1}}, "task":"note" }');
  expect([second.status, await count()]).toEqual([200, 1]);
});

const list = { ...wish, input: { value: [1, 2] } };

test.each([
  ['another input', { ...wish, input: { value: 2 } }],
  ['another order in a list', { ...wish, input: { value: [2, 1] } }],
  ['one option more', { ...list, priority: 1 }],
  ['another task', { task: 'fail', input: {} }],
])('the same key with %s is refused', async (_, body) => {
  const app = fresh.make();
  await post(app, 'k', list);
  const before = await fresh.fingerprint();
  expectProblem(await post(app, 'k', body), 422, 'idempotency_key_reused', 'Idempotency-Key');
  expect(await fresh.fingerprint()).toBe(before);
});

test('integers that a double cannot tell apart are different bodies', async () => {
  const app = fresh.make();
  await post(app, 'k', '{"task":"note","input":{"value":9007199254740992}}');
  const other = await post(app, 'k', '{"task":"note","input":{"value":9007199254740993}}');
  expectProblem(other, 422, 'idempotency_key_reused', 'Idempotency-Key');
});

test('of twenty at once one stores, and all are answered by it', async () => {
  const app = fresh.make();
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(app, 'k')));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
  expect(new Set(answers.map(({ body }) => body.task.id)).size).toBe(1);
  expect(await count()).toBe(1);
});

test('a finished execution still answers its key', async () => {
  const app = fresh.make();
  await post(app, 'k');
  await app.call('POST', '/run', {});
  const again = await post(app, 'k');
  expect([again.status, again.body.task.state]).toEqual([200, 'SUCCEEDED']);
});

test('after the purge the key says so, with the id, and stores nothing anew', async () => {
  const app = fresh.make();
  const { body } = await post(app, 'k');
  await app.call('POST', '/run', {});
  await app.call('POST', '/purge', { days: 0 });
  const again = await post(app, 'k');
  expectProblem(again, 410, 'execution_purged');
  expect(again.body.id).toBe(body.task.id);
  expect(await count()).toBe(0);
  expectProblem(await post(app, 'k', { ...wish, priority: 1 }), 422, 'idempotency_key_reused', 'Idempotency-Key');
});

test('a batch has a key as a whole', async () => {
  const app = fresh.make();
  const body = { tasks: [wish, { ...wish, input: { value: 2 } }] };
  const first = await post(app, 'k', body, '/tasks/batch');
  const second = await post(app, 'k', body, '/tasks/batch');
  const ids = (answer: typeof first) => answer.body.tasks.map(({ task }: { task: { id: string } }) => task.id);
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(ids(second)).toEqual(ids(first));
  expect(second.body.tasks[0].status_token).toBe(first.body.tasks[0].status_token);
  expect(await count()).toBe(2);
  expectProblem(await post(app, 'k', wish), 422, 'idempotency_key_reused', 'Idempotency-Key');
});

test('met by another one through its unique_key, a key answers that one ever after, and never with its token', async () => {
  const app = fresh.make();
  const unique = { ...wish, unique_key: 'u' };
  const made = await app.call('POST', '/tasks', unique);
  for (let n = 0; n < 2; n += 1) {
    const met = await post(app, 'k', unique);
    expect([met.status, met.body.task.id, met.body.status_token]).toEqual([200, made.body.task.id, null]);
  }
  await app.call('POST', '/run', {});
  expect((await post(app, 'k', unique)).body).toMatchObject({ task: { id: made.body.task.id }, status_token: null });
});

test.each(['', ' ', 'two words', 'ä', 'x'.repeat(256)])('the key `%.20s` is refused by its name', async (key) => {
  expectProblem(await post(fresh.make(), key), 422, 'invalid_request', 'Idempotency-Key');
  expect(await count()).toBe(0);
});

test('255 visible characters are a key', async () => {
  expect((await post(fresh.make(), `${'!~'.repeat(127)}x`)).status).toBe(201);
});
