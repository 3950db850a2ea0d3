import { beforeEach, expect, test } from 'vitest';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
type App = ReturnType<typeof fresh.make>;
beforeEach(() => fresh.sql('delete from mobula.final_tallies'));

const read = async (app: App) => (await app.call('GET', '/executions/stats', undefined, { token: 'read' })).body;
const none = {
  QUEUED: 0,
  RUNNING: 0,
  CANCELLING: 0,
  SUCCEEDED: 0,
  FAILED: 0,
  CANCELLED: 0,
  LOST: 0,
  EXPIRED: 0,
};

test('with nothing there, every state is 0 and nothing has waited', async () => {
  expect(await read(fresh.make())).toEqual({ states: none, queues: {}, oldest_ready_seconds: null });
});

test('what waits, runs and has ended is counted through run, retry, reset, delete and purge', async () => {
  const app = fresh.make({ env: { MOBULA_QUEUES: '*' } });
  const change = async (method: string, path: string, body?: unknown) => {
    const { status, text } = await app.call(method, path, body);
    expect(status, text).toBeLessThan(300);
    return (await read(app)).states;
  };
  const done = await enqueue(app, 'note', { value: 1 });
  const one = await enqueue(app, 'fail', {}, { max_attempts: 1 });
  await enqueue(app, 'fail', {}, { max_attempts: 1 });
  await enqueue(app, 'note', { value: 1 }, { delay_seconds: 600, queue_name: 'later' });
  expect(await read(app)).toMatchObject({
    states: { ...none, QUEUED: 4 },
    queues: { default: { ready: 3, delayed: 0, running: 0 }, later: { ready: 0, delayed: 1, running: 0 } },
    oldest_ready_seconds: expect.any(Number),
  });
  expect(await change('POST', '/run', {})).toEqual({ ...none, QUEUED: 1, SUCCEEDED: 1, FAILED: 2 });
  expect((await read(app)).oldest_ready_seconds).toBeNull();
  expect(await change('POST', `/executions/${one.id}/retry`)).toMatchObject({ QUEUED: 2, FAILED: 1 });
  expect(await change('POST', `/executions/${one.id}/cancel`)).toMatchObject({ QUEUED: 1, FAILED: 1, CANCELLED: 1 });
  expect(await change('POST', '/executions/reset', { state: 'FAILED' })).toMatchObject({ QUEUED: 2, FAILED: 0 });
  expect(await change('DELETE', `/executions/${done.id}`)).toMatchObject({ SUCCEEDED: 0, CANCELLED: 1 });
  expect(await change('POST', '/purge', { days: 0 })).toEqual({ ...none, QUEUED: 2 });
});

test('a queue named __proto__ is a queue', async () => {
  const app = fresh.make({ env: { MOBULA_QUEUES: '*' } });
  await enqueue(app, 'note', { value: 1 }, { queue_name: '__proto__' });
  const { text } = await app.call('GET', '/executions/stats');
  expect(text).toContain('"queues":{"__proto__":{"ready":1,"delayed":0,"running":0}}');
});

test.each(['trigger', 'enqueue'])('the scope %s may not read them', async (token) => {
  expectProblem(await fresh.make().call('GET', '/executions/stats', undefined, { token }), 403, 'forbidden');
});
