import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { countPending } from '../../src/db/executions/count-pending.ts';
import { expireQueued } from '../../src/db/executions/expire.ts';
import { promoteDelayed } from '../../src/db/executions/promote.ts';
import {
  age,
  claim,
  describeDrivers,
  enqueueAll,
  enqueueOne,
  fingerprint,
  finish,
  onlyOne,
  rowOf,
  startOne,
  startOnRay,
  useDb,
} from './support.ts';

describeDrivers(({ db }) => {
  describe('promotion', () => {
    test('puts what has fallen due into the line, and leaves the rest', async () => {
      const [due = '', later = ''] = await enqueueAll(db(), [{ delaySeconds: 100 }, { delaySeconds: 100 }]);
      await age(db(), due, 'due_at', 101);
      const before = await fingerprint(db(), later);
      expect(await promoteDelayed(db(), 10)).toBe(1);
      expect(await fingerprint(db(), later)).toBe(before);
      expect((await claim(db())).map(({ id }) => id)).toEqual([due]);
    });

    test('is no change that an observer could see', async () => {
      const id = await enqueueOne(db(), { delaySeconds: 1 });
      await age(db(), id, 'due_at', 2);
      const { ready: _, ...before } = await rowOf(db(), id);
      await promoteDelayed(db(), 10);
      expect(await rowOf(db(), id)).toEqual({ ...before, ready: true });
    });

    test('takes the longest due first, at most as many as it is told, and can be repeated', async () => {
      const ids = await enqueueAll(db(), [{ delaySeconds: 9 }, { delaySeconds: 9 }, { delaySeconds: 9 }]);
      for (const [index, id] of ids.entries()) await age(db(), id, 'due_at', 100 + index);
      expect(await promoteDelayed(db(), 2)).toBe(2);
      expect((await claim(db())).map(({ id }) => id)).toEqual([ids[2], ids[1]]);
      expect(await promoteDelayed(db(), 2)).toBe(1);
      expect(await promoteDelayed(db(), 2)).toBe(0);
    });

    test('brings a retry back after its backoff', async () => {
      const claimed = await startOne(db(), { queue: 'default' });
      await finish(db(), { ...claimed, ending: 'FAILED', retryable: true, delaySeconds: 60 });
      expect(await promoteDelayed(db(), 10)).toBe(0);
      await age(db(), claimed.id, 'due_at', 61);
      expect(await promoteDelayed(db(), 10)).toBe(1);
      expect(onlyOne(await claim(db()))).toMatchObject({ id: claimed.id, attempt: 2 });
    });
  });

  describe('expiry', () => {
    test.each([{ delaySeconds: null }, { delaySeconds: 50 }])(
      'ends what has waited too long, delayed or not: %j',
      async (some) => {
        const id = await enqueueOne(db(), { queueTimeoutSeconds: 100, ...some });
        expect(await expireQueued(db(), 10)).toBe(0);
        await age(db(), id, 'expires_at', 151);
        expect(await expireQueued(db(), 10)).toBe(1);
        expect(await rowOf(db(), id)).toMatchObject({ state: 'EXPIRED', ready: false, version: 2, attempt: 0 });
        expect((await rowOf(db(), id))['finished_at']).not.toBeNull();
        expect(await expireQueued(db(), 10)).toBe(0);
      },
    );

    test('spares what runs, however late it is', async () => {
      const inline = await startOne(db(), { queueTimeoutSeconds: 1 });
      const remote = await startOnRay(db(), { queueTimeoutSeconds: 1 });
      for (const { id } of [inline, remote]) await age(db(), id, 'expires_at', 100);
      expect(await expireQueued(db(), 10)).toBe(0);
      expect(await finish(db(), inline)).toMatchObject([{ id: inline.id, state: 'SUCCEEDED' }]);
    });

    test('bounds a start that is handed back for ever', async () => {
      const claimed = await startOne(db(), { queueTimeoutSeconds: 10 });
      await age(db(), claimed.id, 'expires_at', 10);
      await finish(db(), { ...claimed, ending: 'RELEASED' });
      expect(
        await claim(db(), { lanes: [{ form: 'inline', queue: String((await rowOf(db(), claimed.id))['queue']) }] }),
      ).toEqual([]);
      expect(await expireQueued(db(), 10)).toBe(1);
    });

    test('takes at most as many as it is told, the longest expired first', async () => {
      const ids = await enqueueAll(
        db(),
        [{}, {}, {}].map(() => ({ queueTimeoutSeconds: 1 })),
      );
      for (const [index, id] of ids.entries()) await age(db(), id, 'expires_at', 100 - index);
      expect(await expireQueued(db(), 2)).toBe(2);
      expect(await rowOf(db(), ids[2] ?? '')).toMatchObject({ state: 'QUEUED' });
    });
  });

  describe('counting what waits', () => {
    test('counts due and delayed alike, in all queues or in some', async () => {
      await enqueueAll(db(), [{ queue: 'a' }, { queue: 'a', delaySeconds: 60 }, { queue: 'b' }, { queue: 'c' }]);
      await startOne(db());
      expect(await countPending(db(), null)).toBe(4);
      expect(await countPending(db(), ['a', 'b'])).toBe(3);
      expect(await countPending(db(), ['nobody'])).toBe(0);
      expect(await countPending(db(), [])).toBe(0);
    });
  });
});

const database = useDb();

test('of two calls that expire at once each execution is expired by one', async () => {
  const db = database.db();
  const ids = await enqueueAll(
    db,
    Array.from({ length: 100 }, () => ({ queueTimeoutSeconds: 1 })),
  );
  await db.execute(sql`update mobula.executions set expires_at = expires_at - interval '1 minute'`);
  const counts = await Promise.all(Array.from({ length: 5 }, () => expireQueued(db, 100)));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100);
  expect((await rowOf(db, ids[0] ?? ''))['version']).toBe(2);
});
