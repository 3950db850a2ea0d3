import { connect, type Db, enqueue, enqueueMany, getExecution, MobulaError, pendingCount, task } from 'mobula';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { useDatabase } from '../support/database.ts';

const add = task({
  name: 'add',
  input: z.object({ a: z.number(), b: z.number().optional() }),
  run: ({ a, b = 0 }) => a + b,
});
const any = task({ name: 'any', input: z.unknown(), run: () => null });
const dated = task({
  name: 'dated',
  input: z.object({ on: z.iso.date().transform((text) => new Date(text)) }),
  run: () => null,
});

const database = useDatabase();
let db: Db;
let client: Client;
beforeAll(async () => {
  db = connect(database.url());
  client = new Client({ connectionString: database.url() });
  client.on('error', () => undefined);
  await client.connect();
});
afterAll(() => Promise.all([db.close(), client.end()]));
afterEach(() =>
  client.query('delete from mobula.executions; delete from mobula.inputs; delete from mobula.idempotency_keys'),
);

const storedInput = async (id: string): Promise<string> =>
  (await client.query('select input from mobula.inputs where execution_id = $1', [id])).rows[0].input;

describe('an enqueue', () => {
  test('answers with the id of an execution that is READY and untouched', async () => {
    const handle = await enqueue(db, add, { a: 1, b: 2 });
    expect(handle).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), task: 'add', created: true });
    expect(await getExecution(db, handle)).toMatchObject({
      state: 'QUEUED',
      attempt: 0,
      startedAt: null,
      finishedAt: null,
      lastAttemptedAt: null,
      enqueuedAt: expect.any(Date),
    });
  });

  test('takes what the types say, and the compiler refuses the rest', async () => {
    await enqueue(db, add, { a: 1 });
    await enqueue(db, dated, { on: '2030-01-01' });
    // @ts-expect-error An input has the fields of its schema.
    await expect(enqueue(db, add, { a: 'one' })).rejects.toThrow(MobulaError);
    // @ts-expect-error What a schema makes of its input is not what it takes.
    await expect(enqueue(db, dated, { on: new Date() })).rejects.toThrow(TypeError);
    // @ts-expect-error An option has its name.
    await enqueue(db, add, { a: 1 }, { prioritee: 1 });
  });

  test('keeps every option', async () => {
    const runAfter = new Date('2099-01-01T00:00:00.123Z');
    const options = { priority: 7, runAfter, maxAttempts: 5, queueName: 'default', metadata: { of: ['it'] } };
    const { id } = await enqueue(db, add, { a: 1 }, options);
    expect(await getExecution(db, id)).toMatchObject({
      priority: 7,
      runAfter,
      maxAttempts: 5,
      queue: 'default',
      metadata: '{"of":["it"]}',
    });
  });

  test('leaves the task as it was', async () => {
    await enqueue(db, add, { a: 1 }, { priority: 9 });
    const { id } = await enqueue(db, add, { a: 1 });
    expect([add.priority, (await getExecution(db, id)).priority]).toEqual([undefined, 0]);
  });

  test('stores the input as it is, so that nothing changes its type on the way', async () => {
    const input = { z: null, a: [1, 1.5, '1', true], n: 2n ** 60n, left: undefined, ä: '🦈"\\' };
    const { id } = await enqueue(db, any, input);
    expect(await storedInput(id)).toBe(`{"z":null,"a":[1,1.5,"1",true],"n":1152921504606846976,"ä":"🦈\\"\\\\"}`);
  });
});

describe('what is refused, with nothing stored', () => {
  test.each([
    ['a date', { at: new Date() }, 'input.at'],
    ['a set', { of: new Set() }, 'input.of'],
    ['a map', [new Map()], 'input.0'],
    ['a function', { call: () => 1 }, 'input.call'],
    ['a symbol', Symbol('s'), 'input'],
    ['NaN', { n: Number.NaN }, 'input.n'],
    ['Infinity', [[Number.POSITIVE_INFINITY]], 'input.0.0'],
    ['an instance of a class', new (class Big {})(), 'input'],
    ['an undefined item', [undefined], 'input.0'],
    ['nothing at all', undefined, 'input'],
    ['a NUL', 'a\0', 'input'],
  ])('%s, as a TypeError that names its place', async (_, input, place) => {
    await expect(enqueue(db, any, input)).rejects.toThrow(TypeError);
    await expect(enqueue(db, any, input)).rejects.toThrow(`${place} `);
    expect(await pendingCount(db)).toBe(0);
  });

  test.each([
    ['input of another type', { a: 'x' }, {}, 'input.a', 'invalid_request'],
    ['a priority of 101', { a: 1 }, { priority: 101 }, 'priority', 'invalid_request'],
    ['half a priority', { a: 1 }, { priority: 0.5 }, 'priority', 'invalid_request'],
    ['a queue that is not allowed', { a: 1 }, { queueName: 'other' }, 'queue_name', 'unknown_queue'],
    ['an instant that is none', { a: 1 }, { runAfter: new Date(Number.NaN) }, 'run_after', 'invalid_request'],
    ['two times to start', { a: 1 }, { runAfter: new Date(), delaySeconds: 1 }, 'delay_seconds', 'invalid_request'],
    ['no attempts', { a: 1 }, { maxAttempts: 0 }, 'max_attempts', 'invalid_request'],
    ['an empty uniqueKey', { a: 1 }, { uniqueKey: '' }, 'unique_key', 'invalid_request'],
    ['much metadata', { a: 1 }, { metadata: { m: 'm'.repeat(17_000) } }, 'metadata', 'invalid_request'],
  ])('%s, by its field', async (_, input, options, field, code) => {
    const refused = enqueue(db, add, input as { a: number }, options);
    await expect(refused).rejects.toMatchObject({ name: 'MobulaError', code, detail: { field } });
    expect(await pendingCount(db)).toBe(0);
  });
});

describe('uniqueKey and idempotencyKey', () => {
  test('a uniqueKey is met by the unfinished one', async () => {
    const first = await enqueue(db, add, { a: 1 }, { uniqueKey: 'k' });
    expect(await enqueue(db, add, { a: 2 }, { uniqueKey: 'k' })).toEqual({ ...first, created: false });
  });

  test('an idempotencyKey answers the same once more, and refuses another request', async () => {
    const first = await enqueue(db, add, { a: 1 }, { idempotencyKey: 'k' });
    expect(await enqueue(db, add, { a: 1 }, { idempotencyKey: 'k' })).toEqual({ ...first, created: false });
    const other = enqueue(db, add, { a: 2 }, { idempotencyKey: 'k' });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    expect(await pendingCount(db)).toBe(1);
  });
});

describe('enqueueMany', () => {
  test('stores all in the order of its items, of several tasks', async () => {
    const handles = await enqueueMany(db, [
      { task: add, input: { a: 1 } },
      { task: any, input: null, options: { priority: 3 } },
      { task: add, input: { a: 3 } },
    ]);
    expect(handles.map((handle) => handle.task)).toEqual(['add', 'any', 'add']);
    expect(await Promise.all(handles.map(({ id }) => storedInput(id)))).toEqual(['{"a":1}', 'null', '{"a":3}']);
    expect((await getExecution(db, handles[1]!)).priority).toBe(3);
  });

  test('stores none where one is wrong', async () => {
    const items = [
      { task: add, input: { a: 1 } },
      { task: add, input: { a: 'x' } },
    ];
    await expect(enqueueMany(db, items)).rejects.toMatchObject({ detail: { field: 'input.a' } });
    expect(await pendingCount(db)).toBe(0);
  });

  test('takes ten thousand', async () => {
    const items = Array.from({ length: 10_000 }, (_, a) => ({ task: add, input: { a } }));
    expect(await enqueueMany(db, items)).toHaveLength(10_000);
    expect(await pendingCount(db)).toBe(10_000);
  });

  test('of nothing is nothing', async () => {
    expect(await enqueueMany(db, [])).toEqual([]);
  });
});
