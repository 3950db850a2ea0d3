import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { enqueue, look, makeDue, useFresh } from '../support/fresh.ts';

const gate = { open: () => {}, isToldToEnd: () => false };
const runs: number[] = [];
const tasks = [
  task({
    name: 'held',
    input: z.object({}),
    run: (_, { attempt, signal }) => {
      runs.push(attempt);
      if (attempt > 1) return `of attempt ${attempt}`;
      gate.isToldToEnd = () => signal.aborted;
      return new Promise((resolve) => {
        gate.open = () => resolve('late');
      });
    },
  }),
];
const fresh = useFresh(tasks);
const short = { env: { MOBULA_WORKER_LEASE_SECONDS: '2', MOBULA_WORKER_HEARTBEAT_SECONDS: '0.3' } };
const noWait = { env: { MOBULA_RETRY_BACKOFF_SECONDS: '0' } };

type App = ReturnType<typeof fresh.make>;

/** Makes an invocation look dead: its lease has lapsed, and so has the time to look after what it holds. */
const letDie = () =>
  fresh.sql(`with dead as (update mobula.invocations set lease_until = now() - interval '1 second')
    update mobula.executions set check_at = now() - interval '1 second' where state = 'RUNNING'`);

/** An execution that an invocation has claimed and will never finish by itself. */
async function hold(app: App, wish = {}) {
  runs.length = 0;
  const { id } = await enqueue(app, 'held', {}, wish);
  const running = app.call('POST', '/run', {});
  await expect.poll(() => runs).toEqual([1]);
  return { id: id as string, running };
}

describe('a dead invocation', () => {
  test('leaves its attempt to the next run, which ends it as Lost and tries again', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app);
    await letDie();
    const { body } = await fresh.make(noWait).call('POST', '/run', {});
    expect(body).toMatchObject({ recovered: 1, retried: 1, processed: 1, completed: 1 });
    const task = await look(app, id);
    expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 2, result: 'of attempt 2' });
    expect(task.attempts).toMatchObject([
      { attempt: 1, state: 'FAILED', error: { type: 'Lost', retryable: true } },
      { attempt: 2, state: 'SUCCEEDED' },
    ]);
    gate.open();
    await running;
  });

  test('costs the last attempt its execution: FAILED, with an end that a purge can see', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app, { max_attempts: 1 });
    await letDie();
    const { body } = await fresh.make().call('POST', '/run', {});
    expect(body).toMatchObject({ recovered: 1, retried: 0, completed: 1 });
    expect(await look(app, id)).toMatchObject({
      state: 'FAILED',
      error: { type: 'Lost' },
      finished_at: expect.any(String),
    });
    expect((await app.call('POST', '/purge', { days: 0 })).body.deleted).toBe(1);
    gate.open();
    await running;
  });

  test('has its attempts waited for as long as any failure', async () => {
    const app = fresh.make({ random: () => 0 });
    const { id, running } = await hold(app);
    await letDie();
    await fresh.make({ random: () => 0 }).call('POST', '/run', {});
    const task = await look(app, id);
    expect([task.state, task.attempt]).toEqual(['QUEUED', 1]);
    expect(Date.parse(task.run_after) - Date.now()).toBeGreaterThan(50_000);
    gate.open();
    await running;
  });

  test('is refused when it comes back late: its outcome changes no byte', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app);
    await letDie();
    await fresh.make(noWait).call('POST', '/run', {});
    const before = await fresh.fingerprint();
    gate.open();
    const { status, body } = await running;
    expect([status, body.processed, body.completed]).toEqual([200, 1, 0]);
    expect(await fresh.fingerprint()).toBe(before);
    expect((await look(app, id)).result).toBe('of attempt 2');
  });

  test('is refused too while the next attempt runs', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app);
    await letDie();
    await fresh.make().call('POST', '/run', {});
    await fresh.sql(
      `update mobula.executions set state = 'RUNNING', ready = false, attempt = 2, epoch = epoch + 1, check_at = now() + interval '1 hour' where id = $1`,
      [id],
    );
    gate.open();
    await running;
    expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 2, result_state: 'none' });
  });

  test('leaves no lease behind', async () => {
    const app = fresh.make();
    const { running } = await hold(app);
    await letDie();
    await fresh.make().call('POST', '/run', {});
    gate.open();
    await running;
    expect(await fresh.sql('select 1 from mobula.invocations')).toHaveLength(0);
  });

  test('never takes a finished execution with it', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app);
    gate.open();
    await running;
    const before = await look(app, id);
    await fresh.sql(`update mobula.executions set check_at = null where id = $1`, [id]);
    const { body } = await fresh.make().call('POST', '/run', {});
    expect(body.recovered).toBe(0);
    expect(await look(app, id)).toEqual(before);
  });
});

describe('a live lease', () => {
  test('is spared, though the time to look after the execution has come', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app);
    await fresh.sql(`update mobula.executions set check_at = now() - interval '1 hour'`);
    const { body } = await fresh.make().call('POST', '/run', {});
    expect(body).toMatchObject({ recovered: 0, processed: 0 });
    expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
    gate.open();
    await running;
    expect((await look(app, id)).result).toBe('late');
  });

  test('is spared by the very run that recovers from another', async () => {
    const app = fresh.make();
    const { id, running } = await hold(app);
    const living = fresh.make();
    const { open } = gate;
    const other = await enqueue(living, 'held', {});
    const alive = living.call('POST', `/execute/${other.id}`);
    await expect.poll(() => runs).toEqual([1, 1]);
    await fresh.sql(`update mobula.executions set check_at = now() - interval '1 hour'`);
    await fresh.sql(
      `update mobula.invocations set lease_until = now() - interval '1 second'
       where id = (select holder from mobula.executions where id = $1)`,
      [id],
    );
    expect((await fresh.make().call('POST', '/run', {})).body).toMatchObject({ recovered: 1 });
    gate.open();
    expect((await alive).body.task).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: 'late' });
    open();
    await running;
  });

  test('is renewed while the code runs, far longer than it lasts', async () => {
    const app = fresh.make(short);
    const { id, running } = await hold(app);
    for (let n = 0; n < 5; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect((await fresh.make(short).call('POST', '/run', {})).body).toMatchObject({ recovered: 0, processed: 0 });
    }
    gate.open();
    expect((await running).body).toMatchObject({ completed: 1 });
    expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: 'late' });
  });

  test('is renewed in an execute as well', async () => {
    const app = fresh.make(short);
    runs.length = 0;
    const { id } = await enqueue(app, 'held', {});
    const running = app.call('POST', `/execute/${id}`);
    await expect.poll(() => runs).toEqual([1]);
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    expect((await fresh.make(short).call('POST', '/run', {})).body.recovered).toBe(0);
    gate.open();
    expect((await running).body.task).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  });
});

describe('a lease that lapsed', () => {
  test('is never revived: the code is told to end, and what it gives is not written', async () => {
    const app = fresh.make(short);
    const { id, running } = await hold(app);
    await letDie();
    await fresh.make().call('POST', '/run', {});
    const recovered = await look(app, id);
    await expect.poll(gate.isToldToEnd).toBe(true);
    gate.open();
    expect((await running).body.completed).toBe(0);
    expect(await look(app, id)).toEqual({ ...recovered, poll_after_ms: expect.any(Number) });
  });
});

test('an execute cut off by its death is found by the next run too', async () => {
  const app = fresh.make();
  runs.length = 0;
  const { id } = await enqueue(app, 'held', {});
  const running = app.call('POST', `/execute/${id}`);
  await expect.poll(() => runs).toEqual([1]);
  await letDie();
  const again = await fresh.make().call('POST', `/execute/${id}`, { allow_retry: true });
  expect(again.status).toBe(409);
  await fresh.make().call('POST', '/run', {});
  await makeDue(fresh, id);
  expect((await app.call('POST', `/execute/${id}`)).body.task).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
  gate.open();
  expect((await running).body.task.result).toBe('of attempt 2');
});
