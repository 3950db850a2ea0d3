import { expect, test } from 'vitest';
import { enqueue, expectProblem, look, makeDue, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);

test('an empty queue is said in words', async () => {
  const { status, body } = await fresh.make().call('POST', '/run-one', {});
  expect([status, body]).toEqual([200, { processed: false, message: 'No tasks available' }]);
});

test('one is run, and answered as it is then', async () => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'note', { value: 7 });
  const { status, body } = await app.call('POST', '/run-one', {});
  expect(status).toBe(200);
  expect(body).toMatchObject({
    processed: true,
    task: { id, state: 'SUCCEEDED', status: 'SUCCESSFUL', result: 7, attempt: 1 },
  });
});

test('exactly one changes its state: the first in line', async () => {
  const app = fresh.make();
  await enqueue(app, 'note', { value: 'low' });
  const high = await enqueue(app, 'note', { value: 'high' }, { priority: 1 });
  await enqueue(app, 'note', { value: 'low' });
  expect((await app.call('POST', '/run-one', {})).body.task.id).toBe(high.id);
  const states = await fresh.sql<{ state: string }>('select state from mobula.executions');
  expect(states.map(({ state }) => state).toSorted()).toEqual(['QUEUED', 'QUEUED', 'SUCCEEDED']);
});

test('a failing one is answered like any other', async () => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'fail', {}, { max_attempts: 1 });
  const { status, body } = await app.call('POST', '/run-one', {});
  expect(status).toBe(200);
  expect(body).toMatchObject({ processed: true, task: { id, state: 'FAILED', error: { type: 'RangeError' } } });
});

test('it looks into the queue that is named only', async () => {
  const app = fresh.make({ env: { MOBULA_QUEUES: 'default,mail,slow' } });
  await enqueue(app, 'note', { value: 1 }, { priority: 100 });
  const mail = await enqueue(app, 'note', { value: 2 }, { queue_name: 'mail' });
  const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  expect((await app.call('POST', '/run-one', 'queue_name=mail&queue_name=slow', form)).body.task.id).toBe(mail.id);
  expect((await app.call('POST', '/run-one', { queue_name: 'slow' })).body.processed).toBe(false);
});

test('what is delayed is left alone until it is due', async () => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'note', { value: 1 }, { delay_seconds: 60 });
  expect((await app.call('POST', '/run-one', {})).body.processed).toBe(false);
  await makeDue(fresh, id);
  expect((await app.call('POST', '/run-one', {})).body.task.id).toBe(id);
});

test('an empty body is no wish at all', async () => {
  expect((await fresh.make().call('POST', '/run-one', undefined, { token: 'trigger' })).status).toBe(200);
});

test.each([
  ['a count, which has no place here', { max_tasks: 1 }, 'unknown_field', 'max_tasks'],
  ['another backend', { backend_name: 'ray' }, 'invalid_request', 'backend_name'],
  ['a queue that is not allowed', { queue_name: 'other' }, 'unknown_queue', 'queue_name'],
  ['a flag for a queue', { queue_name: true }, 'invalid_request', 'queue_name'],
])('it refuses %s, and runs nothing', async (_, body, code, field) => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'note', { value: 1 });
  expectProblem(await app.call('POST', '/run-one', body), 422, code, field);
  expect((await look(app, id)).state).toBe('QUEUED');
});
