import { sql } from 'drizzle-orm';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { claimInlineAtGate } from '../../src/db/executions/claim.ts';
import { findAttempts } from '../../src/db/executions/find-attempts.ts';
import {
  age,
  claim,
  claimForRay,
  describeDrivers,
  enqueueAll,
  enqueueOne,
  finish,
  lane,
  newExecution,
  newId,
  onlyOne,
  rowOf,
  rows,
  useDb,
} from './support.ts';

const idsOf = (claimed: readonly { readonly id: string }[]) => claimed.map(({ id }) => id);
const shuffled = <Item>(items: readonly Item[]) => items.toSorted(() => Math.random() - 0.5);

describeDrivers(({ db, url }) => {
  const runningOf = async (cluster = 'http://ray.test') =>
    (await rows<{ running: number }>(db(), sql`select running from mobula.capacity where cluster = ${cluster}`))[0]
      ?.running;

  describe('the order of a claim', () => {
    test('is by priority first, the larger before, over its whole range', async () => {
      const priorities = Array.from({ length: 201 }, (_, index) => index - 100);
      await enqueueAll(
        db(),
        shuffled(priorities).map((priority) => ({ priority })),
      );
      const claimed = await claim(db(), { limit: 201 });
      const seen = await Promise.all(
        [0, 100, 200].map(async (place) => (await rowOf(db(), claimed[place]?.id ?? ''))['priority']),
      );
      expect(seen).toEqual([100, 0, -100]);
      const inOrder = await rows<{ id: string }>(db(), sql`select id from mobula.executions order by priority desc`);
      expect(idsOf(claimed)).toEqual(idsOf(inOrder));
    });

    test('is by due time within one priority, whoever was enqueued first', async () => {
      const ids = await enqueueAll(db(), [{}, {}, {}]);
      await age(db(), ids[2] ?? '', 'due_at', 20);
      await age(db(), ids[1] ?? '', 'due_at', 10);
      expect(idsOf(await claim(db()))).toEqual(ids.toReversed());
    });

    test('is by id among those that fell due at the same instant', async () => {
      const wishes = Array.from({ length: 20 }, () => newExecution());
      await enqueueAll(db(), shuffled(wishes));
      expect(idsOf(await claim(db(), { limit: 20 }))).toEqual(idsOf(wishes));
    });

    test('goes over several queues and forms as if they were one line', async () => {
      const places = [
        { queue: 'a', priority: 1 },
        { queue: 'b', priority: 9 },
        { queue: 'c', priority: 5 },
        { queue: 'a', priority: 8, form: 'both' },
        { queue: 'b', priority: 3 },
        { queue: 'a', priority: 7 },
      ] as const;
      const ids = await enqueueAll(db(), places);
      const lanes = [lane('a'), lane('b'), lane('c'), lane('a', 'both')];
      const claimed = await claim(db(), { lanes, limit: 4 });
      expect(idsOf(claimed)).toEqual([ids[1], ids[3], ids[5], ids[2]]);
    });
  });

  describe('a claim', () => {
    test('takes at most its limit, and tells by an empty answer that nothing is due', async () => {
      await enqueueAll(db(), [{}, {}, {}]);
      expect(await claim(db(), { limit: 2 })).toHaveLength(2);
      expect(await claim(db(), { limit: 2 })).toHaveLength(1);
      expect(await claim(db(), { limit: 2 })).toEqual([]);
      expect(await claim(db(), { lanes: [] })).toEqual([]);
    });

    test('leaves other queues and other forms alone', async () => {
      await enqueueAll(db(), [{ queue: 'other' }, { form: 'ray' }, { form: 'both' }]);
      expect(await claim(db())).toEqual([]);
    });

    test('never takes what is delayed, expired, running or over', async () => {
      const [delayed = '', expired = '', running = '', over = ''] = await enqueueAll(db(), [
        { delaySeconds: 60 },
        { queueTimeoutSeconds: 10 },
        {},
        {},
      ]);
      await age(db(), expired, 'expires_at', 10);
      await finish(db(), { ...onlyOne((await claim(db(), { limit: 2 })).filter(({ id }) => id === over)) });
      expect((await rowOf(db(), running))['state']).toBe('RUNNING');
      expect(await claim(db())).toEqual([]);
      expect((await rowOf(db(), delayed))['state']).toBe('QUEUED');
      expect((await rowOf(db(), expired))['state']).toBe('QUEUED');
    });

    test('answers all that is needed to start, the input as it was given', async () => {
      const id = await enqueueOne(db(), {
        task: 'train',
        input: '[1,{"b":2,"a":1}]',
        maxAttempts: 7,
        timeoutSeconds: 2.5,
      });
      expect(await claim(db())).toEqual([
        { id, task: 'train', attempt: 1, epoch: 1, maxAttempts: 7, timeoutSeconds: 2.5, input: '[1,{"b":2,"a":1}]' },
      ]);
    });

    test('makes a new attempt under a new epoch, visible as a new version', async () => {
      const id = await enqueueOne(db());
      const first = onlyOne(await claim(db()));
      await finish(db(), { ...first, ending: 'FAILED', retryable: true });
      const second = onlyOne(await claim(db()));
      expect([first.attempt, second.attempt]).toEqual([1, 2]);
      expect(second.epoch).toBeGreaterThan(first.epoch);
      expect(await rowOf(db(), id)).toMatchObject({ state: 'RUNNING', attempt: 2, version: 4, ready: false });
    });

    test('sets the first start once and the latest each time, and takes back what the last attempt left', async () => {
      const id = await enqueueOne(db());
      const first = onlyOne(await claim(db()));
      await db().execute(
        sql`update mobula.executions set progress = '0.5', started_at = started_at - interval '1 hour'`,
      );
      const before = await rowOf(db(), id);
      await finish(db(), { ...first, ending: 'FAILED', retryable: true });
      await claim(db());
      const after = await rowOf(db(), id);
      expect(after['started_at']).toBe(before['started_at']);
      expect(after['claimed_at']).not.toBe(before['claimed_at']);
      expect(after).toMatchObject({ progress: null, nonce: null, beat_at: null, finished_at: null });
    });

    test('inline is its own begin, and for a cluster it is not', async () => {
      const inline = await enqueueOne(db());
      const remote = await enqueueOne(db(), { form: 'ray' });
      await claim(db());
      await claimForRay(db());
      const here = await rowOf(db(), inline);
      expect(here).toMatchObject({ runner: 'inline', cluster: null });
      expect(here['begun_at']).toBe(here['claimed_at']);
      expect(await rowOf(db(), remote)).toMatchObject({
        runner: 'ray_job',
        cluster: 'http://ray.test',
        begun_at: null,
        ray_session: null,
      });
    });

    test('shows up in history as an attempt without an end', async () => {
      const id = await enqueueOne(db(), { form: 'ray' });
      await claimForRay(db());
      expect(await findAttempts(db(), id)).toMatchObject([
        { attempt: 1, state: 'RUNNING', runner: 'ray_job', begunAt: null, endedAt: null, error: null },
      ]);
    });
  });

  describe('the lease', () => {
    test('is the invocation’s, one for all that it claims', async () => {
      await enqueueAll(db(), [{}, {}, {}]);
      const invocationId = newId();
      const claimed = await claim(db(), { invocationId, leaseSeconds: 30 });
      const holders = await Promise.all(claimed.map(async ({ id }) => (await rowOf(db(), id))['holder']));
      expect(holders).toEqual([invocationId, invocationId, invocationId]);
      const leases = await rows<{ id: string; left: number }>(
        db(),
        sql`select id, extract(epoch from lease_until - mobula.clock())::float8 as left from mobula.invocations`,
      );
      expect(onlyOne(leases).id).toBe(invocationId);
      expect(onlyOne(leases).left).toBeGreaterThan(25);
      expect(onlyOne(leases).left).toBeLessThanOrEqual(30);
    });

    test('is extended by the next claim, and not taken by a claim that gets nothing', async () => {
      await enqueueOne(db());
      const invocationId = newId();
      await claim(db(), { invocationId, leaseSeconds: 10 });
      await enqueueOne(db());
      await claim(db(), { invocationId, leaseSeconds: 1_000 });
      await claim(db(), { leaseSeconds: 1_000 });
      const leases = await rows<{ long: boolean }>(
        db(),
        sql`select lease_until > mobula.clock() + interval '900 s' as long from mobula.invocations`,
      );
      expect(leases).toEqual([{ long: true }]);
    });
  });

  describe('the capacity of a cluster', () => {
    const enqueueForRay = (count: number) =>
      enqueueAll(
        db(),
        Array.from({ length: count }, () => ({ form: 'ray' as const })),
      );

    test('is never exceeded, and those first in line get the slots', async () => {
      const ids = await enqueueForRay(5);
      expect(idsOf(await claimForRay(db(), { concurrency: 3 }))).toEqual(ids.slice(0, 3));
      expect(await claimForRay(db(), { concurrency: 3 })).toEqual([]);
      expect(await runningOf()).toBe(3);
    });

    test('is given back by the end of an attempt', async () => {
      await enqueueForRay(5);
      const [one] = await claimForRay(db(), { concurrency: 3 });
      await finish(db(), { ...one!, ending: 'FAILED' });
      expect(await runningOf()).toBe(2);
      expect(await claimForRay(db(), { concurrency: 3 })).toHaveLength(1);
    });

    test('that was made smaller lets nobody in until enough have ended', async () => {
      await enqueueForRay(5);
      await claimForRay(db(), { concurrency: 4 });
      expect(await claimForRay(db(), { concurrency: 2 })).toEqual([]);
      expect(await runningOf()).toBe(4);
    });

    test('is each cluster’s own, and no matter of inline executions', async () => {
      await enqueueForRay(4);
      await enqueueOne(db());
      await claimForRay(db(), { concurrency: 1 });
      expect(await claim(db())).toHaveLength(1);
      await db().execute(sql`insert into mobula.capacity (runner, cluster) values ('ray_job', 'http://other.test')`);
      expect(await claimForRay(db(), { cluster: 'http://other.test', concurrency: 2 })).toHaveLength(2);
      expect([await runningOf(), await runningOf('http://other.test')]).toEqual([1, 2]);
    });

    test('lets nobody claim for a cluster that has no row', async () => {
      await enqueueForRay(1);
      expect(await claimForRay(db(), { cluster: 'http://unknown.test' })).toEqual([]);
    });
  });

  describe('a claim that goes on behind an execution', () => {
    const behind = async (after: string) => idsOf(await claim(db(), { after }));

    test('takes those behind it in its line, in order, and none before', async () => {
      const ids = [];
      for (let n = 0; n < 4; n += 1) ids.push(await enqueueOne(db()));
      const [first, second, third, fourth] = ids;
      expect(await behind(second!)).toEqual([third, fourth]);
      expect(await behind(second!)).toEqual([]);
      expect(idsOf(await claim(db()))).toEqual([first, second]);
    });

    test('takes none of a lower priority', async () => {
      const place = await enqueueOne(db(), { priority: 5 });
      const lower = await enqueueOne(db(), { priority: 4 });
      expect(await behind(place)).toEqual([]);
      expect(idsOf(await claim(db()))).toEqual([place, lower]);
    });

    test('takes nothing while one of a higher priority is due in its lane', async () => {
      const place = await enqueueOne(db(), { priority: 5 });
      const next = await enqueueOne(db(), { priority: 5 });
      const elsewhere = await enqueueOne(db(), { priority: 6, queue: 'another' });
      const higher = await enqueueOne(db(), { priority: 6 });
      expect(await behind(place)).toEqual([]);
      expect(idsOf(await claim(db(), { limit: 1 }))).toEqual([higher]);
      expect(await behind(place)).toEqual([next]);
      expect(idsOf(await claim(db(), { lanes: [lane('another')] }))).toEqual([elsewhere]);
    });

    test('knows its place when that one has been claimed and has ended', async () => {
      await enqueueOne(db());
      const [place] = await claim(db());
      const next = await enqueueOne(db());
      await finish(db(), place!);
      expect(await behind(place!.id)).toEqual([next]);
    });

    test('takes nothing behind one that is gone', async () => {
      const id = await enqueueOne(db());
      expect(await behind(newId())).toEqual([]);
      expect(idsOf(await claim(db()))).toEqual([id]);
    });
  });

  describe('a claim at the gate', () => {
    const inside = (turnstile: number) =>
      claimInlineAtGate(db(), { lanes: [lane()], limit: 10, invocationId: newId(), leaseSeconds: 60 }, turnstile);

    test('takes what any claim takes, in the same order', async () => {
      const low = await enqueueOne(db(), { priority: -1 });
      const high = await enqueueOne(db(), { priority: 1 });
      expect(idsOf((await inside(0)) ?? [])).toEqual([high, low]);
      expect(await inside(0)).toEqual([]);
    });

    test('is turned away while another is inside by its turnstile, and takes nothing then', async () => {
      const id = await enqueueOne(db());
      const client = new Client({ connectionString: url() });
      await client.connect();
      await client.query('begin');
      await client.query("select pg_advisory_xact_lock(x'6d6f626c'::integer, 3)");
      expect(await inside(3)).toBeNull();
      expect(await rowOf(db(), id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
      expect(await rows(db(), sql`select 1 from mobula.invocations`)).toEqual([]);
      expect(idsOf((await inside(4)) ?? [])).toEqual([id]);
      await client.query('rollback');
      expect(await inside(3)).toEqual([]);
      await client.end();
    });
  });
});

const database = useDb();

test('a claim passes over rows that another session holds, without waiting for it', async () => {
  const db = database.db();
  const ids = await enqueueAll(db, [{}, {}, {}]);
  await db.transaction(async (other) => {
    await other.execute(sql`select 1 from mobula.executions where id = ${ids[0]} for update`);
    expect(idsOf(await claim(db))).toEqual([ids[1], ids[2]]);
  });
  expect(idsOf(await claim(db))).toEqual([ids[0]]);
});
