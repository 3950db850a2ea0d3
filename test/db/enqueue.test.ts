import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/core/sha256.ts';
import { insertExecutions, type NewExecution } from '../../src/db/executions/enqueue.ts';
import { findByUniqueKey, findExecution, findExecutions } from '../../src/db/executions/find.ts';
import { findIdempotencyKey } from '../../src/db/executions/find-idempotency-key.ts';
import { age, describeDrivers, enqueueOne, newExecution, newId, putInState, rowOf, rows } from './support.ts';

const keyFor = async (key: string, request: string) => ({ key, requestSha256: await sha256Hex(request) });

describeDrivers(({ db }) => {
  const countAll = async () =>
    Number((await rows<{ n: string }>(db(), sql`select count(*) n from mobula.executions`))[0]?.n);
  const store = (...some: Partial<NewExecution>[]) => insertExecutions(db(), some.map(newExecution), null);

  describe('an enqueue', () => {
    test('stores everything that was asked, and reads it back', async () => {
      const metadata = '{"z":1,"a":"é"}';
      const wish = newExecution({
        task: 'train',
        queue: 'gpu',
        priority: -7,
        maxAttempts: 5,
        metadata,
        uniqueKey: 'u',
      });
      const [stored] = await insertExecutions(db(), [wish], null);
      const sight = await findExecution(db(), wish.id);
      expect(sight?.execution).toEqual({
        id: wish.id,
        task: 'train',
        state: 'QUEUED',
        queue: 'gpu',
        priority: -7,
        attempt: 0,
        maxAttempts: 5,
        runAfter: null,
        enqueuedAt: stored?.enqueuedAt,
        startedAt: null,
        lastAttemptedAt: null,
        finishedAt: null,
        version: 1,
        progress: null,
        metadata,
        error: null,
        result: { state: 'none', value: null, reference: null, bytes: null, sha256: null, reason: null },
        ray: null,
      });
      expect(sight?.observedAt.getTime()).toBeGreaterThanOrEqual(stored?.enqueuedAt.getTime() ?? Number.NaN);
    });

    test('keeps the input as the very text it was given', async () => {
      const input = '{"b":9007199254740993,"a":"naïve \\"text\\" \\\\ {x,y} 雪","":[null,1e2,1.0]}';
      const id = await enqueueOne(db(), { input });
      expect(await rows(db(), sql`select input from mobula.inputs where execution_id = ${id}`)).toEqual([{ input }]);
    });

    test('without a time is due at once', async () => {
      const id = await enqueueOne(db());
      expect(await rowOf(db(), id)).toMatchObject({ ready: true, run_after: null });
      const row = await rowOf(db(), id);
      expect(row['due_at']).toBe(row['enqueued_at']);
    });

    test('with a time in the future waits outside the line', async () => {
      const runAfter = new Date(Date.now() + 3_600_000);
      const [stored] = await store({ runAfter });
      expect(stored?.runAfter).toEqual(runAfter);
      expect(await rowOf(db(), stored?.id ?? '')).toMatchObject({ ready: false });
    });

    test('with a time in the past is due at once, as if it had been asked for now', async () => {
      const runAfter = new Date(Date.now() - 3_600_000);
      const [stored] = await store({ runAfter });
      const row = await rowOf(db(), stored?.id ?? '');
      expect(row).toMatchObject({ ready: true });
      expect(row['due_at']).toBe(row['enqueued_at']);
    });

    test('with a delay is due that long after the database’s own time', async () => {
      const id = await enqueueOne(db(), { delaySeconds: 90.5 });
      const [row] = await rows<{ delay: number }>(
        db(),
        sql`select extract(epoch from due_at - enqueued_at)::float8 as delay from mobula.executions where id = ${id}`,
      );
      expect(row?.delay).toBe(90.5);
      expect(await rowOf(db(), id)).toMatchObject({ ready: false });
    });

    test('counts the queue timeout from the time it is due', async () => {
      const id = await enqueueOne(db(), { delaySeconds: 100, queueTimeoutSeconds: 50 });
      const [row] = await rows<{ wait: number }>(
        db(),
        sql`select extract(epoch from expires_at - enqueued_at)::float8 as wait from mobula.executions where id = ${id}`,
      );
      expect(row?.wait).toBe(150);
    });

    test('without a queue timeout never expires', async () => {
      expect(await rowOf(db(), await enqueueOne(db()))).toMatchObject({ expires_at: null });
    });
  });

  describe('several at once', () => {
    test('are all stored, a thousand in one statement', async () => {
      const wishes = Array.from({ length: 1_000 }, (_, index) => newExecution({ priority: index % 100 }));
      const stored = await insertExecutions(db(), wishes, null);
      expect(stored.map(({ id }) => id).toSorted()).toEqual(wishes.map(({ id }) => id).toSorted());
      expect(await countAll()).toBe(1_000);
    });

    test('are none of them stored where one is refused', async () => {
      await expect(store({}, { priority: 101 }, {})).rejects.toThrow(/executions_priority/);
      expect(await countAll()).toBe(0);
      expect(await rows(db(), sql`select 1 from mobula.inputs`)).toEqual([]);
    });
  });

  describe('a unique key', () => {
    test.each(['QUEUED', 'RUNNING', 'CANCELLING'])('is taken while its execution is %s', async (state) => {
      const [first] = await store({ uniqueKey: 'k' });
      await db().execute(sql`update mobula.executions set runner = 'inline', attempt = 1, claimed_at = mobula.clock(),
        check_at = mobula.clock() where id = ${first?.id}`);
      await putInState(db(), first?.id ?? '', state);
      expect(await store({ uniqueKey: 'k' })).toEqual([]);
      expect(await countAll()).toBe(1);
      expect((await findByUniqueKey(db(), 'add', 'k'))?.id).toBe(first?.id);
    });

    test.each(['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'])('is free again once it is %s', async (state) => {
      const [first] = await store({ uniqueKey: 'k' });
      await putInState(db(), first?.id ?? '', state);
      expect(await findByUniqueKey(db(), 'add', 'k')).toBeNull();
      expect(await store({ uniqueKey: 'k' })).toHaveLength(1);
    });

    test('is each task’s own', async () => {
      expect(await store({ uniqueKey: 'k' }, { uniqueKey: 'k', task: 'other' }, { uniqueKey: 'l' })).toHaveLength(3);
    });

    test('met twice within one batch stores the first', async () => {
      expect(await store({ uniqueKey: 'k' }, { uniqueKey: 'k' }, {})).toHaveLength(2);
      expect(await countAll()).toBe(2);
    });

    test('lets one of twenty concurrent calls through', async () => {
      const stored = await Promise.all(Array.from({ length: 20 }, () => store({ uniqueKey: 'k' })));
      expect(stored.flat()).toHaveLength(1);
      expect(await countAll()).toBe(1);
    });
  });

  describe('an idempotency key', () => {
    test('stores once under twenty concurrent calls, and everybody can find what it made', async () => {
      const key = await keyFor('k', 'request');
      const wishes = Array.from({ length: 20 }, () => newExecution());
      const stored = (await Promise.all(wishes.map((wish) => insertExecutions(db(), [wish], key)))).flat();
      expect(stored).toHaveLength(1);
      expect(await countAll()).toBe(1);
      expect(await findIdempotencyKey(db(), key)).toMatchObject({
        executionIds: [stored[0]?.id],
        sameRequest: true,
        purged: false,
      });
    });

    test('tells another request under it from the same one', async () => {
      const key = await keyFor('k', 'request');
      await insertExecutions(db(), [newExecution()], key);
      const other = await keyFor('k', 'another request');
      expect(await insertExecutions(db(), [newExecution()], other)).toEqual([]);
      expect(await findIdempotencyKey(db(), other)).toMatchObject({ sameRequest: false });
      expect(await countAll()).toBe(1);
    });

    test('covers a whole batch, in its order', async () => {
      const wishes = Array.from({ length: 7 }, () => newExecution());
      const key = await keyFor('k', 'batch');
      await insertExecutions(db(), wishes, key);
      expect((await findIdempotencyKey(db(), key))?.executionIds).toEqual(wishes.map(({ id }) => id));
    });

    test('is not used up by a batch that is refused', async () => {
      const key = await keyFor('k', 'batch');
      await expect(insertExecutions(db(), [newExecution({ maxAttempts: -1 })], key)).rejects.toThrow();
      expect(await findIdempotencyKey(db(), key)).toBeNull();
    });

    test('that nobody has used is nobody’s', async () => {
      expect(await findIdempotencyKey(db(), await keyFor('never', ''))).toBeNull();
    });
  });

  describe('finding', () => {
    test('nothing where there is nothing', async () => {
      expect(await findExecution(db(), newId())).toBeNull();
      expect(await findExecutions(db(), [newId()])).toEqual([]);
      expect(await findExecutions(db(), [])).toEqual([]);
    });

    test('those that exist of those that are asked for', async () => {
      const ids = [await enqueueOne(db()), await enqueueOne(db())];
      const found = await findExecutions(db(), [...ids, newId()]);
      expect(found.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    });

    test('instants are the same to the millisecond, whatever the driver makes of them', async () => {
      const id = await enqueueOne(db());
      await age(db(), id, 'enqueued_at', 86_400);
      const [row] = await rows<{ ms: number }>(
        db(),
        sql`select floor(extract(epoch from enqueued_at) * 1000)::float8 as ms from mobula.executions where id = ${id}`,
      );
      expect((await findExecution(db(), id))?.execution.enqueuedAt.getTime()).toBe(row?.ms);
    });
  });
});
