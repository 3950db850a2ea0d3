import { describe, expect, test } from 'vitest';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { noted, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const oneAtATime = { env: { MOBULA_DEFAULT_CONCURRENCY: '1' } };
const threeQueues = { env: { MOBULA_QUEUES: 'default,mail,slow' } };
const form = (text: string) => [text, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }] as const;

describe('which queues', () => {
  const fill = async (app: ReturnType<typeof fresh.make>) => {
    for (const queue_name of ['default', 'mail', 'slow'])
      await enqueue(app, 'note', { value: queue_name }, { queue_name });
    noted.length = 0;
  };

  test.each([
    ['one by its name', { queue_name: 'mail' }, ['mail']],
    ['several as a list', { queue_name: ['slow', 'default'] }, ['default', 'slow']],
    ['all without a filter', {}, ['default', 'mail', 'slow']],
    ['all with an empty list', { queue_name: [] }, ['default', 'mail', 'slow']],
    ['all with a null', { queue_name: null }, ['default', 'mail', 'slow']],
  ])('runs %s', async (_, body, expected) => {
    const app = fresh.make(threeQueues);
    await fill(app);
    const answer = await app.call('POST', '/run', body);
    expect(answer.body.processed).toBe(expected.length);
    expect(noted.toSorted()).toEqual(expected);
    const left = await fresh.sql(`select 1 from mobula.executions where state = 'QUEUED'`);
    expect(left).toHaveLength(3 - expected.length);
  });

  test.each([
    ['one key', 'queue_name=mail&max_tasks=5', ['mail']],
    ['a repeated key as a list', 'queue_name=mail&queue_name=slow', ['mail', 'slow']],
  ])('takes a form with %s', async (_, text, expected) => {
    const app = fresh.make(threeQueues);
    await fill(app);
    const [body, options] = form(text);
    const answer = await app.call('POST', '/run', body, options);
    expect(answer.status, answer.text).toBe(200);
    expect(noted.toSorted()).toEqual(expected);
  });

  test('a queue that is not allowed is refused by its field', async () => {
    expectProblem(await fresh.make().call('POST', '/run', { queue_name: 'mial' }), 422, 'unknown_queue', 'queue_name');
  });
});

describe('when it stops, and what remains', () => {
  test('max_tasks bounds what is claimed, and says that more remains', async () => {
    const app = fresh.make();
    for (let n = 0; n < 3; n += 1) await enqueue(app, 'note', { value: n });
    const first = await app.call('POST', '/run', { max_tasks: 2 });
    expect(first.body).toMatchObject({ processed: 2, remaining: true });
    const waiting = await fresh.sql(`select 1 from mobula.executions where state = 'QUEUED'`);
    expect(waiting).toHaveLength(1);
    const second = await app.call('POST', '/run', { max_tasks: 1 });
    expect(second.body).toMatchObject({ processed: 1, remaining: false });
  });

  test('max_tasks 0 is as many as fit', async () => {
    const app = fresh.make();
    for (let n = 0; n < 12; n += 1) await enqueue(app, 'note', { value: n });
    expect((await app.call('POST', '/run', { max_tasks: 0 })).body).toMatchObject({ processed: 12, remaining: false });
  });

  test('nothing remains where max_tasks was reached and the rest is only delayed', async () => {
    const app = fresh.make();
    await enqueue(app, 'note', { value: 1 });
    const delayed = await enqueue(app, 'note', { value: 2 }, { delay_seconds: 60 });
    const { body } = await app.call('POST', '/run', { max_tasks: 1 });
    expect(body).toMatchObject({ processed: 1, remaining: false, next_wake_at: delayed.run_after });
  });

  test('nothing remains of a queue that was not asked for', async () => {
    const app = fresh.make(threeQueues);
    await enqueue(app, 'note', { value: 1 }, { queue_name: 'mail' });
    await enqueue(app, 'note', { value: 2 }, { queue_name: 'slow' });
    const { body } = await app.call('POST', '/run', { max_tasks: 1, queue_name: 'mail' });
    expect(body).toMatchObject({ processed: 1, remaining: false });
  });

  test('it ends within its time, leaves the rest READY and says that it remains', async () => {
    const app = fresh.make({ ...oneAtATime, callSeconds: 1 });
    for (let n = 0; n < 40; n += 1) await enqueue(app, 'pause', { ms: 150 });
    const startedAt = performance.now();
    const { body } = await app.call('POST', '/run', {});
    expect(performance.now() - startedAt).toBeLessThan(5_000); // All of it takes six seconds.
    expect(body).toMatchObject({ remaining: true });
    expect(body.completed).toBeGreaterThan(0);
    expect(body.completed).toBeLessThan(8);
    const rows = await fresh.sql<{ state: string }>(`select state from mobula.executions where state <> 'SUCCEEDED'`);
    expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['QUEUED']));
    expect(rows).toHaveLength(40 - body.completed);
  });

  test('where something remains, now is when there is something to do', async () => {
    const app = fresh.make();
    for (let n = 0; n < 2; n += 1) await enqueue(app, 'note', { value: n });
    const { body } = await app.call('POST', '/run', { max_tasks: 1 });
    expect(Math.abs(Date.parse(body.next_wake_at) - Date.now())).toBeLessThan(10_000);
  });

  test('a retry without a wait is something to do now', async () => {
    const app = fresh.make({ env: { MOBULA_RETRY_BACKOFF_SECONDS: '0' } });
    await enqueue(app, 'fail', {});
    const { body } = await app.call('POST', '/run', { max_tasks: 1 });
    expect(body).toMatchObject({ processed: 1, retried: 1, remaining: true });
    expect(Math.abs(Date.parse(body.next_wake_at) - Date.now())).toBeLessThan(10_000);
  });

  test('the end of a wait for a retry is when there is something to do', async () => {
    const app = fresh.make({ random: () => 0 });
    const { id } = await enqueue(app, 'fail', {});
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({ remaining: false, next_wake_at: (await look(app, id)).run_after });
  });
});
