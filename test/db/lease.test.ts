import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { takeLapsed } from '../../src/db/executions/take-lapsed.ts';
import { dropDeadLeases, dropLease, renewLease } from '../../src/db/lease.ts';
import {
  claim,
  describeDrivers,
  enqueueAll,
  finish,
  lapseLeases,
  newId,
  onlyOne,
  putInState,
  rowOf,
  rows,
  startOne,
  startOnRay,
  useDb,
} from './support.ts';

describeDrivers(({ db }) => {
  const holderOf = async (id: string) => String((await rowOf(db(), id))['holder']);
  const leases = async () => (await rows(db(), sql`select from mobula.invocations`)).length;
  const lapsedIds = async (limit = 100) => (await takeLapsed(db(), limit)).map(({ id }) => id);

  describe('a lease', () => {
    test('is renewed while it lives, from the time of the renewal', async () => {
      const holder = await holderOf((await startOne(db(), {}, 10)).id);
      expect(await renewLease(db(), holder, 500)).toBe(true);
      const [lease] = await rows<{ left: number }>(
        db(),
        sql`select extract(epoch from lease_until - mobula.clock())::float8 as left from mobula.invocations`,
      );
      expect(lease?.left).toBeGreaterThan(490);
    });

    test('that has lapsed is never revived, although nobody has taken what it covered', async () => {
      const holder = await holderOf((await startOne(db())).id);
      await lapseLeases(db());
      expect(await renewLease(db(), holder, 60)).toBe(false);
      expect(await renewLease(db(), holder, 60)).toBe(false);
    });

    test('that there never was, or that was given up, cannot be renewed', async () => {
      expect(await renewLease(db(), newId(), 60)).toBe(false);
      const started = await startOne(db());
      const holder = await holderOf(started.id);
      await finish(db(), started);
      await dropLease(db(), holder);
      expect(await renewLease(db(), holder, 60)).toBe(false);
    });

    test('is not given up over what is still held, which would be found by nobody', async () => {
      const { id } = await startOne(db());
      await dropLease(db(), await holderOf(id));
      expect(await lapsedIds()).toEqual([]);
      await lapseLeases(db());
      expect(await lapsedIds()).toEqual([id]);
    });

    test('is given up over what a cluster has: that is looked after by checks', async () => {
      const started = await startOnRay(db());
      await dropLease(db(), await holderOf(started.id));
      expect(await leases()).toBe(0);
    });

    test('is renewed without touching what it covers', async () => {
      const { id } = await startOne(db());
      const before = await rowOf(db(), id);
      await renewLease(db(), await holderOf(id), 60);
      expect(await rowOf(db(), id)).toEqual(before);
    });
  });

  describe('what a dead invocation held', () => {
    test('is found when its lease has lapsed, and spared before', async () => {
      const { id, task, attempt, epoch } = await startOne(db());
      expect(await takeLapsed(db(), 100)).toEqual([]);
      await lapseLeases(db());
      expect(await takeLapsed(db(), 100)).toEqual([{ id, task, attempt, epoch }]);
    });

    test('is spared while its lease lives on, however long ago it was claimed', async () => {
      const { id } = await startOne(db());
      await db().execute(sql`update mobula.executions set check_at = check_at - interval '1 day'`);
      await renewLease(db(), await holderOf(id), 60);
      expect(await lapsedIds()).toEqual([]);
    });

    test('is spared where another invocation is dead', async () => {
      const dead = await startOne(db());
      await lapseLeases(db());
      const alive = await startOne(db());
      await db().execute(sql`update mobula.executions set check_at = check_at - interval '1 day'`);
      expect(await lapsedIds()).toEqual([dead.id]);
      expect(await rowOf(db(), alive.id)).toMatchObject({ state: 'RUNNING' });
    });

    test('stays found until it has come to an end, many of one invocation in several steps', async () => {
      await enqueueAll(db(), [{}, {}, {}, {}, {}]);
      await claim(db(), { limit: 5 });
      await lapseLeases(db());
      const first = await takeLapsed(db(), 2);
      expect(first).toHaveLength(2);
      await finish(db(), ...first.map((lapsed) => ({ ...lapsed, ending: 'FAILED' as const })));
      expect(await lapsedIds()).toHaveLength(3);
      expect(await lapsedIds()).toHaveLength(3);
    });

    test('is found too where it was being cancelled', async () => {
      const { id } = await startOne(db());
      await putInState(db(), id, 'CANCELLING');
      await lapseLeases(db());
      expect(await lapsedIds()).toEqual([id]);
    });

    test('is none of a cluster’s attempts: those live without us', async () => {
      await startOnRay(db());
      await lapseLeases(db());
      expect(await lapsedIds()).toEqual([]);
    });

    test('cannot be ended by the dead one any more once it was ended here', async () => {
      const zombie = await startOne(db());
      await lapseLeases(db());
      const lapsed = onlyOne(await takeLapsed(db(), 100));
      await finish(db(), { ...lapsed, ending: 'FAILED', retryable: true });
      expect(await finish(db(), zombie)).toEqual([]);
      expect(await rowOf(db(), zombie.id)).toMatchObject({ state: 'QUEUED' });
    });

    test('loses its lease when all of it has come to an end, and not before', async () => {
      const dead = await startOne(db());
      await lapseLeases(db());
      const alive = await startOne(db());
      await dropDeadLeases(db());
      expect(await leases()).toBe(2);
      await finish(db(), dead, alive);
      await dropDeadLeases(db());
      expect(await leases()).toBe(1);
    });

    test('is lost to a lapsed holder that came back to life and finished first', async () => {
      const slow = await startOne(db());
      await lapseLeases(db());
      const lapsed = onlyOne(await takeLapsed(db(), 100));
      expect(await finish(db(), slow)).toMatchObject([{ id: slow.id, state: 'SUCCEEDED' }]);
      expect(await finish(db(), { ...lapsed, ending: 'FAILED', retryable: true })).toEqual([]);
      expect(await rowOf(db(), slow.id)).toMatchObject({ state: 'SUCCEEDED' });
    });
  });
});

const database = useDb();

test('a lease is not given up while a claim lengthens it whose rows cannot be seen yet', async () => {
  const db = database.db();
  const started = await startOne(db);
  const holder = String((await rowOf(db, started.id))['holder']);
  await finish(db, started);
  const [id = ''] = await enqueueAll(db, [{}]);
  let dropped: Promise<void> | undefined;
  await db.transaction(async (claiming) => {
    await claim(claiming, { invocationId: holder, limit: 1 });
    dropped = dropLease(db, holder);
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  await dropped;
  await lapseLeases(db);
  expect((await takeLapsed(db, 10)).map((lapsed) => lapsed.id)).toEqual([id]);
});

test('a renewal that is under way when the lease is about to be taken wins', async () => {
  const db = database.db();
  const { id } = await startOne(db);
  const holder = String((await rowOf(db, id))['holder']);
  await lapseLeases(db);
  let taken: Promise<unknown[]> | undefined;
  let isAnswered = false;
  await db.transaction(async (renewing) => {
    // Decided while the lease lived, and not yet committed when it no longer would.
    await renewing.execute(sql`update mobula.invocations set lease_until = mobula.clock() + interval '60 s'
      where id = ${holder}`);
    taken = takeLapsed(db, 10).finally(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isAnswered).toBe(false);
  });
  expect(await taken).toEqual([]);
});
