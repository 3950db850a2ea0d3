import {
  configure,
  connect,
  type Db,
  defineConfig,
  enqueue,
  execute,
  getExecution,
  pendingCount,
  purge,
  result,
  run,
  runOne,
  task,
} from 'mobula';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { useDatabase } from '../support/database.ts';

const add = task({ name: 'add', input: z.object({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b });
const wide = task({ name: 'wide', input: z.object({}), run: () => ({ n: 2n ** 64n + 1n, list: [1] }) });
const fail = task({
  name: 'fail',
  input: z.object({}),
  run: (): number => {
    throw new RangeError('no');
  },
});
const large = task({ name: 'large', input: z.object({}), run: () => 'x'.repeat(5_000) });

const database = useDatabase();
let db: Db;
let client: Client;
beforeAll(async () => {
  configure(defineConfig({ tasks: [add, wide, fail, large], queues: ['default', 'mail'], maxResultSizeBytes: 2_048 }));
  db = connect(database.url());
  client = new Client({ connectionString: database.url() });
  client.on('error', () => undefined);
  await client.connect();
});
afterAll(() => Promise.all([db.close(), client.end()]));
afterEach(() => client.query('delete from mobula.executions; delete from mobula.attempts; delete from mobula.inputs'));

describe('running without HTTP', () => {
  test('run does all that is due, and says what it did', async () => {
    await enqueue(db, add, { a: 1, b: 2 });
    await enqueue(db, fail, {}, { maxAttempts: 1 });
    expect(await run(db)).toMatchObject({ processed: 2, completed: 2, remaining: false, ray: 'none' });
    expect(await run(db)).toMatchObject({ processed: 0, nextWakeAt: null });
  });

  test('run looks into one queue, and takes no more than it is told', async () => {
    await enqueue(db, add, { a: 1, b: 2 });
    for (let n = 0; n < 3; n += 1) await enqueue(db, add, { a: n, b: 0 }, { queueName: 'mail' });
    expect(await run(db, { queueName: 'mail', maxTasks: 2 })).toMatchObject({ processed: 2, remaining: true });
    expect(await pendingCount(db)).toBe(2);
    expect([
      await pendingCount(db, { queueName: 'mail' }),
      await pendingCount(db, { queueName: ['mail', 'default'] }),
    ]).toEqual([1, 2]);
  });

  test('run refuses a queue that is not allowed', async () => {
    await expect(run(db, { queueName: 'other' })).rejects.toMatchObject({ code: 'unknown_queue' });
  });

  test('runOne answers the execution it ran, or null', async () => {
    const { id } = await enqueue(db, add, { a: 1, b: 2 }, { priority: 1 });
    await enqueue(db, add, { a: 3, b: 4 });
    expect(await runOne(db)).toMatchObject({ id, state: 'SUCCEEDED' });
    expect(await runOne(db)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await runOne(db)).toBeNull();
  });

  test('execute runs that one, and says why it does not', async () => {
    const { id } = await enqueue(db, add, { a: 1, b: 2 }, { delaySeconds: 60 });
    await expect(execute(db, id)).rejects.toMatchObject({ code: 'not_executable' });
    expect(await execute(db, id, { force: true })).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    await expect(execute(db, id, { allowRetry: true })).rejects.toMatchObject({ code: 'not_executable' });
    await expect(execute(db, 'nonsense')).rejects.toMatchObject({ code: 'execution_not_found' });
  });

  test('execute runs a failure again where that is allowed', async () => {
    const { id } = await enqueue(db, fail, {}, { maxAttempts: 1 });
    expect((await execute(db, id)).state).toBe('FAILED');
    expect(await execute(db, id, { allowRetry: true })).toMatchObject({ attempt: 2, state: 'QUEUED' });
  });

  test('time without bound is time enough', async () => {
    const { id } = await enqueue(db, add, { a: 1, b: 2 });
    expect((await execute(db, id, { seconds: 1e9 })).state).toBe('SUCCEEDED');
  });
});

describe('looking', () => {
  test('an execution is a snapshot, that changes only when it is looked up again', async () => {
    const handle = await enqueue(db, fail, {}, { maxAttempts: 1 });
    const before = await getExecution(db, handle);
    await run(db);
    expect(before).toMatchObject({ state: 'QUEUED', attempt: 0 });
    const after = await getExecution(db, handle);
    expect(after).toMatchObject({ state: 'FAILED', attempt: 1, error: expect.stringContaining('RangeError') });
    expect(after.version).toBeGreaterThan(before.version);
  });

  test.each(['', 'nonsense', '00000000-0000-7000-8000-000000000000'])('`%s` is not found', async (id) => {
    await expect(getExecution(db, id)).rejects.toMatchObject({ code: 'execution_not_found' });
  });
});

describe('a result', () => {
  test('has the type of its task', async () => {
    const handle = await enqueue(db, add, { a: 1, b: 2 });
    await run(db);
    const sum: number = await result(db, handle);
    expect(sum).toBe(3);
    // @ts-expect-error A number is no text.
    const text: string = await result(db, handle);
    expect(text).toBe(3);
  });

  test('of a bigint comes back as one', async () => {
    const handle = await enqueue(db, wide, {});
    await run(db);
    expect(await result(db, handle)).toEqual({ n: 2n ** 64n + 1n, list: [1] });
  });

  test('that is not there says why', async () => {
    const handle = await enqueue(db, fail, {}, { maxAttempts: 1 });
    await expect(result(db, handle)).rejects.toMatchObject({ code: 'not_finished' });
    await run(db);
    await expect(result(db, handle)).rejects.toMatchObject({ code: 'execution_failed' });
    const big = await enqueue(db, large, {});
    await run(db);
    await expect(result(db, big)).rejects.toMatchObject({ code: 'digest_only' });
  });
});

describe('purge', () => {
  test('deletes what is final and old enough', async () => {
    const handle = await enqueue(db, add, { a: 1, b: 2 });
    await enqueue(db, add, { a: 1, b: 2 }, { delaySeconds: 60 });
    await run(db);
    expect(await purge(db)).toMatchObject({ deleted: 0 });
    expect(await purge(db, { days: 0, dryRun: true })).toMatchObject({ deleted: 1 });
    expect(await purge(db, { days: 0 })).toMatchObject({ deleted: 1 });
    await expect(getExecution(db, handle)).rejects.toMatchObject({ code: 'execution_not_found' });
    expect(await pendingCount(db)).toBe(1);
  });

  test.each([{ days: -1 }, { days: Number.NaN }, { batchSize: 0 }, { batchSize: 1.5 }])(
    'refuses %j with nothing removed',
    async (options) => {
      await enqueue(db, add, { a: 1, b: 2 });
      await run(db);
      await expect(purge(db, { days: 0, ...options })).rejects.toMatchObject({ code: 'invalid_request' });
      expect(await purge(db, { days: 0, dryRun: true })).toMatchObject({ deleted: 1 });
    },
  );
});
