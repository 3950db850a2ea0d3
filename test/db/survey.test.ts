import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import { type SurveyScope, survey } from '../../src/db/executions/survey.ts';
import {
  age,
  claimForRay,
  describeDrivers,
  enqueueAll,
  enqueueOne,
  finish,
  lapseLeases,
  startOne,
  startOnRay,
} from './support.ts';

describeDrivers(({ db }) => {
  const look = (some: Partial<SurveyScope> = {}) =>
    survey(db(), { here: ['inline'], elsewhere: ['ray', 'both'], queues: null, ...some });
  /** The instant a row names, as the driver-independent milliseconds of JavaScript. */
  const instantOf = async (id: string, column: 'due_at' | 'expires_at' | 'check_at') => {
    const [row] = await db().execute<{ ms: number }>(
      sql`select floor(extract(epoch from ${sql.identifier(column)}) * 1000)::float8 as ms
        from mobula.executions where id = ${id}`,
    );
    return new Date(row?.ms ?? Number.NaN);
  };

  test('an empty database has nothing to do, now or later', async () => {
    expect(await look()).toMatchObject({
      lanes: [],
      delayedDue: false,
      expired: false,
      lapsed: false,
      checksDue: false,
      recordsDue: false,
      full: false,
      nextWakeAt: null,
      seenAt: expect.any(Date),
    });
  });

  describe('lanes', () => {
    test('are those in which something is due, with the order of their heads', async () => {
      await enqueueAll(db(), [
        { queue: 'a', priority: 1 },
        { queue: 'b', priority: 5, form: 'ray' },
        { queue: 'b', priority: 3 },
        { queue: 'a', priority: 9, form: 'both' },
        { queue: 'c', delaySeconds: 60 },
      ]);
      const { lanes } = await look();
      expect(lanes.toSorted((one, other) => one.place - other.place)).toEqual([
        { form: 'both', queue: 'a', place: 1 },
        { form: 'ray', queue: 'b', place: 2 },
        { form: 'inline', queue: 'b', place: 3 },
        { form: 'inline', queue: 'a', place: 4 },
      ]);
    });

    test('are only those of the forms and queues that are asked for', async () => {
      await enqueueAll(db(), [{ queue: 'a' }, { queue: 'b' }, { queue: 'a', form: 'ray' }]);
      expect((await look({ elsewhere: [], queues: ['a', 'z'] })).lanes).toEqual([
        { form: 'inline', queue: 'a', place: 1 },
      ]);
      expect((await look({ here: [], elsewhere: ['both'] })).lanes).toEqual([]);
      expect((await look({ queues: [] })).lanes).toEqual([]);
    });

    test('are found among very many queues, whatever their names', async () => {
      const queues = Array.from({ length: 300 }, (_, index) => `queue "${index}" \\ {ö}, '`);
      await enqueueAll(
        db(),
        queues.map((queue) => ({ queue })),
      );
      const { lanes } = await look();
      expect(lanes.map(({ queue }) => queue).toSorted()).toEqual(queues.toSorted());
    });

    test('that have nothing but running or finished executions are none', async () => {
      await startOne(db());
      await finish(db(), await startOne(db()));
      expect((await look()).lanes).toEqual([]);
    });
  });

  describe('work that is due', () => {
    test('is delayed work whose time has come', async () => {
      const id = await enqueueOne(db(), { delaySeconds: 100 });
      expect(await look()).toMatchObject({ delayedDue: false });
      await age(db(), id, 'due_at', 101);
      expect(await look()).toMatchObject({ delayedDue: true });
    });

    test('is what has waited too long', async () => {
      const id = await enqueueOne(db(), { queueTimeoutSeconds: 100 });
      expect(await look()).toMatchObject({ expired: false });
      await age(db(), id, 'expires_at', 101);
      expect(await look()).toMatchObject({ expired: true });
    });

    test('is what a dead invocation held', async () => {
      await startOne(db());
      expect(await look()).toMatchObject({ lapsed: false, checksDue: false });
      await lapseLeases(db());
      expect(await look()).toMatchObject({ lapsed: true, checksDue: false });
    });

    test('is a submission whose invocation died before it was recorded', async () => {
      await startOnRay(db());
      expect(await look()).toMatchObject({ checksDue: false });
      await lapseLeases(db());
      expect(await look()).toMatchObject({ lapsed: false, checksDue: true });
    });

    test('is an attempt on a cluster whose check has come', async () => {
      const started = await startOnRay(db());
      await beginAttempt(db(), { ...started, nonce: crypto.randomUUID(), checkSeconds: 30 });
      expect(await look()).toMatchObject({ checksDue: false });
      await age(db(), started.id, 'check_at', 31);
      expect(await look()).toMatchObject({ checksDue: true });
    });

    test('is the record of a Ray job that ended a while ago, on a cluster asked about', async () => {
      const lookAt = (name: string) => look({ keepers: [name] });
      await finish(db(), await startOnRay(db()));
      expect(await lookAt('http://ray.test')).toMatchObject({ recordsDue: false, nextWakeAt: null });
      await db().execute(sql`update mobula.attempts set ray_record_until = ray_record_until - interval '1 hour'`);
      expect(await lookAt('http://ray.test')).toMatchObject({ recordsDue: true, nextWakeAt: null });
      expect(await lookAt('http://another.example')).toMatchObject({ recordsDue: false });
      expect(await look()).toMatchObject({ recordsDue: false });
    });
  });

  describe('the next thing to do', () => {
    test('is when the first delayed execution falls due', async () => {
      const [, sooner = ''] = await enqueueAll(db(), [
        { delaySeconds: 500 },
        { delaySeconds: 400 },
        { delaySeconds: 600 },
      ]);
      expect((await look()).nextWakeAt).toEqual(await instantOf(sooner, 'due_at'));
    });

    test('is when the first one that waits expires', async () => {
      await enqueueOne(db(), { queueTimeoutSeconds: 500, form: 'ray' });
      const sooner = await enqueueOne(db(), { queueTimeoutSeconds: 400, form: 'ray' });
      expect((await look()).nextWakeAt).toEqual(await instantOf(sooner, 'expires_at'));
    });

    test('is that too where it waits for somebody else, or for its time', async () => {
      const another = await enqueueOne(db(), { queueTimeoutSeconds: 500, form: 'both' });
      expect((await look({ elsewhere: [] })).nextWakeAt).toEqual(await instantOf(another, 'expires_at'));
      const delayed = await enqueueOne(db(), { delaySeconds: 1_000, queueTimeoutSeconds: 10 });
      await age(db(), delayed, 'expires_at', 900);
      expect((await look()).nextWakeAt).toEqual(await instantOf(delayed, 'expires_at'));
    });

    test('is not looked for among what waits where something can be done here and now', async () => {
      await enqueueAll(db(), [{ queueTimeoutSeconds: 500 }, { queueTimeoutSeconds: 400, form: 'ray' }]);
      expect((await look()).nextWakeAt).toBeNull();
    });

    test('is when the lease over what runs would lapse', async () => {
      const { id } = await startOne(db(), {}, 60);
      expect((await look()).nextWakeAt).toEqual(await instantOf(id, 'check_at'));
    });

    test('is when an attempt on a cluster is to be looked after', async () => {
      const started = await startOnRay(db());
      await beginAttempt(db(), { ...started, nonce: crypto.randomUUID(), checkSeconds: 30 });
      expect((await look()).nextWakeAt).toEqual(await instantOf(started.id, 'check_at'));
    });
  });

  describe('a full cluster', () => {
    const capacity = { runner: 'ray_job', cluster: 'http://ray.test', concurrency: 2 } as const;

    test('is one with as many attempts in flight as it may have', async () => {
      await enqueueAll(db(), [{ form: 'ray' }, { form: 'ray' }, { form: 'ray' }]);
      await claimForRay(db(), { limit: 1, concurrency: 2 });
      expect(await look({ capacity })).toMatchObject({ full: false });
      await claimForRay(db(), { concurrency: 2 });
      expect(await look({ capacity })).toMatchObject({ full: true });
      expect(await look({ capacity: { ...capacity, cluster: 'http://other.test' } })).toMatchObject({ full: false });
    });
  });
});
