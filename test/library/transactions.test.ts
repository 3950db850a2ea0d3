import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { connect, type Db, enqueue, enqueueMany, execute, getExecution, pendingCount, task } from 'mobula';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { useDatabase } from '../support/database.ts';

const note = task({ name: 'note', input: z.object({ text: z.string() }), run: ({ text }) => text });

const database = useDatabase();
let db: Db;
let pool: Pool;
beforeAll(async () => {
  db = connect(database.url());
  pool = new Pool({ connectionString: database.url(), max: 2 });
  pool.on('error', () => undefined);
  await pool.query('create table orders (id int primary key)');
});
afterAll(() => Promise.all([db.close(), pool.end()]));
beforeEach(() => pool.query('delete from orders; delete from mobula.executions; delete from mobula.inputs'));

type Handle = Parameters<typeof enqueue>[0];

/** Runs `work` in a transaction that also writes a row of the caller's own; a thrown error rolls it back. */
type InTransaction = (work: (tx: Handle) => Promise<unknown>) => Promise<unknown>;

const kinds: Record<string, InTransaction> = {
  'a Drizzle transaction': (work) =>
    drizzle(pool).transaction(async (tx) => {
      await tx.execute(sql`insert into orders values (1)`);
      await work(tx);
    }),
  'a transaction of our own db': (work) =>
    db.transaction(async (tx) => {
      await tx.execute(sql`insert into orders values (1)`);
      await work(tx);
    }),
  "a pg client's transaction": async (work) => {
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    try {
      await client.query('begin');
      await client.query('insert into orders values (1)');
      await work(client);
      await client.query('commit');
    } finally {
      await client.end();
    }
  },
};

const orders = async () => (await pool.query('select 1 from orders')).rowCount;

describe.each(Object.entries(kinds))('in %s', (_, inTransaction) => {
  test('an enqueue is invisible before the commit, and there with it', async () => {
    let id = '';
    await inTransaction(async (tx) => {
      ({ id } = await enqueue(
        tx,
        note,
        { text: 'mine' },
        { runAfter: new Date('2020-01-01T00:00:00Z'), metadata: { a: 1 } },
      ));
      expect(await pendingCount(db)).toBe(0);
      await expect(getExecution(db, id)).rejects.toMatchObject({ code: 'execution_not_found' });
      expect((await getExecution(tx, id)).state).toBe('QUEUED');
      expect(await pendingCount(tx)).toBe(1);
    });
    expect([await pendingCount(db), await orders()]).toEqual([1, 1]);
    expect(await getExecution(db, id)).toMatchObject({
      runAfter: new Date('2020-01-01T00:00:00Z'),
      metadata: '{"a":1}',
    });
  });

  test('a rollback leaves no trace', async () => {
    const failing = inTransaction(async (tx) => {
      await enqueueMany(tx, [
        { task: note, input: { text: 'a' }, options: { uniqueKey: 'a' } },
        { task: note, input: { text: 'b' } },
      ]);
      throw new Error('never mind');
    });
    await expect(failing).rejects.toThrow('never mind');
    expect([await pendingCount(db), await orders()]).toEqual([0, 0]);
    expect((await pool.query('select 1 from mobula.inputs')).rowCount).toBe(0);
  });

  test('a refused enqueue leaves the transaction usable', async () => {
    await inTransaction(async (tx) => {
      await expect(enqueue(tx, note, { text: 'x' }, { priority: 500 })).rejects.toMatchObject({
        code: 'invalid_request',
      });
      await enqueue(tx, note, { text: 'y' });
    });
    expect(await pendingCount(db)).toBe(1);
  });

  test('a long transaction does not enqueue into the past', async () => {
    let id = '';
    await inTransaction(async (tx) => {
      await new Promise((resolve) => setTimeout(resolve, 120));
      ({ id } = await enqueue(tx, note, { text: 'x' }, { delaySeconds: 5 }));
    });
    const { enqueuedAt, runAfter } = await getExecution(db, id);
    expect((runAfter?.getTime() ?? 0) - enqueuedAt.getTime()).toBe(5_000);
  });
});

test('Drizzle without a transaction, and a pool, are taken as they are', async () => {
  await enqueue(drizzle(pool), note, { text: 'by drizzle' });
  await enqueue(pool, note, { text: 'by the pool' });
  expect(await pendingCount(pool)).toBe(2);
  const [first] = (await pool.query('select id from mobula.executions limit 1')).rows;
  await expect(execute(db, first.id)).rejects.toMatchObject({ code: 'unknown_task' });
});
