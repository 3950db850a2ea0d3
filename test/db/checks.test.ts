import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import { type PlannedCheck, planChecks } from '../../src/db/executions/plan-checks.ts';
import { recordSubmissions } from '../../src/db/executions/record-submission.ts';
import { takeChecks } from '../../src/db/executions/take-checks.ts';
import { forgetRayRecords, takeRayRecords } from '../../src/db/ray-records.ts';
import {
  age,
  describeDrivers,
  fingerprint,
  finish,
  lapseLeases,
  onlyOne,
  putInState,
  rowOf,
  rows,
  startOne,
  startOnRay,
} from './support.ts';

const nonce = crypto.randomUUID();

describeDrivers(({ db }) => {
  const secondsToCheck = async (id: string) => {
    const [row] = await rows<{ s: number }>(
      db(),
      sql`select extract(epoch from check_at - mobula.clock())::float8 as s from mobula.executions where id = ${id}`,
    );
    return row?.s;
  };
  const begunOne = async () => {
    const claimed = await startOnRay(db());
    await beginAttempt(db(), { ...claimed, nonce, checkSeconds: 30 });
    return claimed;
  };
  const takeOne = async () => onlyOne(await takeChecks(db(), 10, 15));

  describe('a submission that was answered', () => {
    const record = ({ id, epoch }: Claimed, session: string | null) =>
      recordSubmissions(db(), [{ id, epoch, session }], { accepted: 50, unknown: 3 });

    test('is noted with the cluster that took it, and looked after later', async () => {
      const claimed = await startOnRay(db());
      const { version } = await rowOf(db(), claimed.id);
      await record(claimed, 'session_1');
      expect(await rowOf(db(), claimed.id)).toMatchObject({ ray_session: 'session_1', holder: null, version });
      expect(await secondsToCheck(claimed.id)).toBeGreaterThan(40);
    });

    test('with a doubt is looked after soon', async () => {
      const claimed = await startOnRay(db());
      await record(claimed, null);
      expect(await rowOf(db(), claimed.id)).toMatchObject({ ray_session: null, holder: null });
      expect(await secondsToCheck(claimed.id)).toBeLessThanOrEqual(3);
    });

    test.each([
      [
        'its driver has begun meanwhile',
        (claimed: Claimed) => beginAttempt(db(), { ...claimed, nonce, checkSeconds: 30 }),
      ],
      [
        'somebody has adopted the attempt',
        (claimed: Claimed) =>
          age(db(), claimed.id, 'check_at', 99)
            .then(() => lapseLeases(db()))
            .then(takeOne),
      ],
      ['the attempt is over', (claimed: Claimed) => finish(db(), { ...claimed, ending: 'NEVER_BEGAN' })],
    ])('changes nothing where %s', async (_, meanwhile) => {
      const claimed = await startOnRay(db());
      await meanwhile(claimed);
      const before = await fingerprint(db(), claimed.id);
      await record(claimed, 'session_1');
      expect(await fingerprint(db(), claimed.id)).toBe(before);
    });
  });

  describe('the checks that are due', () => {
    test('are none while the submitting invocation lives, and its attempts when it is dead', async () => {
      const claimed = await startOnRay(db());
      await age(db(), claimed.id, 'check_at', 100);
      expect(await takeChecks(db(), 10, 15)).toEqual([]);
      await lapseLeases(db());
      expect(await takeOne()).toMatchObject({ id: claimed.id, attempt: 1, begun: false, begunSecondsAgo: null });
    });

    test('say what the database’s clock says of the attempt', async () => {
      const { id } = await begunOne();
      await age(db(), id, 'claimed_at', 300);
      await age(db(), id, 'begun_at', 200);
      await age(db(), id, 'beat_at', 100);
      await age(db(), id, 'check_at', 31);
      const check = await takeOne();
      expect(check).toMatchObject({
        id,
        task: 'add',
        state: 'RUNNING',
        runner: 'ray_job',
        cluster: 'http://ray.test',
        begun: true,
        timeoutSeconds: null,
        session: null,
        rayEndedSecondsAgo: null,
      });
      for (const [seconds, least] of [
        [check.claimedSecondsAgo, 300],
        [check.begunSecondsAgo, 200],
        [check.silentSeconds, 100],
      ] as const) {
        expect(seconds).toBeGreaterThanOrEqual(least);
        expect(seconds).toBeLessThan(least + 10);
      }
    });

    test('include what is being cancelled, and never what is inline', async () => {
      const { id } = await begunOne();
      await putInState(db(), id, 'CANCELLING');
      const inline = await startOne(db());
      for (const one of [id, inline.id]) await age(db(), one, 'check_at', 100);
      await db().execute(sql`delete from mobula.invocations`);
      expect(await takeOne()).toMatchObject({ id, state: 'CANCELLING' });
    });

    test('are the longest due first, at most as many as asked for', async () => {
      const ids = [(await begunOne()).id, (await begunOne()).id, (await begunOne()).id];
      for (const [index, id] of ids.entries()) await age(db(), id, 'check_at', 100 + index);
      const first = await takeChecks(db(), 2, 15);
      expect(first.map(({ id }) => id).toSorted()).toEqual([ids[1], ids[2]].toSorted());
    });

    test('are taken once: not due again for a while, and everything written before is stale', async () => {
      const claimed = await begunOne();
      await age(db(), claimed.id, 'check_at', 31);
      const { epoch } = await rowOf(db(), claimed.id);
      const check = await takeOne();
      expect(check.epoch).toBeGreaterThan(Number(epoch));
      expect(await takeChecks(db(), 10, 15)).toEqual([]);
      expect(await finish(db(), { ...claimed, epoch: Number(epoch), ending: 'LOST' })).toEqual([]);
      expect(await finish(db(), { ...check, ending: 'FAILED' })).toMatchObject([{ id: claimed.id, state: 'FAILED' }]);
    });

    test('are shared by calls at once, each by one', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, async () => (await begunOne()).id));
      await db().execute(sql`update mobula.executions set check_at = check_at - interval '1 hour'`);
      const taken = await Promise.all(Array.from({ length: 5 }, () => takeChecks(db(), 20, 15)));
      expect(
        taken
          .flat()
          .map(({ id }) => id)
          .toSorted(),
      ).toEqual(ids.toSorted());
    });
  });

  describe('what a look has taught', () => {
    const plan = (check: { id: string; epoch: number }, some: Partial<PlannedCheck> = {}) =>
      planChecks(db(), [
        { id: check.id, epoch: check.epoch, afterSeconds: 40, rayEnded: false, session: null, ...some },
      ]);
    const check = async () => {
      const { id } = await begunOne();
      await age(db(), id, 'check_at', 31);
      return takeOne();
    };
    const rayEndedSecondsAgo = async (id: string) => {
      await age(db(), id, 'check_at', 100);
      return (await takeOne()).rayEndedSecondsAgo;
    };

    test('is when to look again; no observer sees a change', async () => {
      const one = await check();
      const { version, epoch } = await rowOf(db(), one.id);
      await plan(one, { session: 'session_2' });
      expect(await rowOf(db(), one.id)).toMatchObject({ version, epoch, ray_session: 'session_2' });
      expect(await secondsToCheck(one.id)).toBeGreaterThan(30);
    });

    test('keeps the known session where it has no news of it', async () => {
      const one = await check();
      await plan(one, { session: 'session_2' });
      await plan(one);
      expect(await rowOf(db(), one.id)).toMatchObject({ ray_session: 'session_2' });
    });

    test('runs the grace from the first time that Ray was seen to call the job finished', async () => {
      const one = await check();
      await age(db(), one.id, 'beat_at', 60);
      await plan(one, { rayEnded: true });
      await age(db(), one.id, 'ray_ended_at', 20);
      await plan(one, { rayEnded: true });
      expect(await rayEndedSecondsAgo(one.id)).toBeGreaterThanOrEqual(20);
    });

    test('starts the grace anew where a beat came after that', async () => {
      const one = await check();
      await plan(one, { rayEnded: true });
      await age(db(), one.id, 'ray_ended_at', 20);
      expect(await rayEndedSecondsAgo(one.id)).toBeNull();
    });

    test('ends the grace where Ray takes its word back', async () => {
      const one = await check();
      await age(db(), one.id, 'beat_at', 60);
      await plan(one, { rayEnded: true });
      await plan(one, { rayEnded: false });
      expect(await rayEndedSecondsAgo(one.id)).toBeNull();
    });

    test('is dropped where another call has taken the check since', async () => {
      const one = await check();
      await age(db(), one.id, 'check_at', 100);
      await takeOne();
      const before = await fingerprint(db(), one.id);
      await plan(one, { rayEnded: true });
      expect(await fingerprint(db(), one.id)).toBe(before);
    });

    test('is dropped where the attempt is over', async () => {
      const one = await check();
      await finish(db(), { ...one, ending: 'FAILED' });
      const before = await fingerprint(db(), one.id);
      await plan({ ...one, epoch: one.epoch + 1 });
      expect(await fingerprint(db(), one.id)).toBe(before);
    });
  });

  describe('the record that Ray keeps of an ended job', () => {
    const cluster = 'http://ray.test';
    const ageRecords = () =>
      db().execute(sql`update mobula.attempts set ray_record_until = ray_record_until - interval '1 hour'`);

    test('may be deleted after a while, once, and only by who speaks to that cluster', async () => {
      const claimed = await startOnRay(db());
      await finish(db(), claimed);
      expect(await takeRayRecords(db(), cluster, 10)).toEqual([]);
      await ageRecords();
      expect(await takeRayRecords(db(), 'http://other.test', 10)).toEqual([]);
      expect(await takeRayRecords(db(), cluster, 10)).toEqual([
        { id: claimed.id, attempt: 1, sharedJob: null, isInUse: false },
      ]);
      expect(await takeRayRecords(db(), cluster, 10)).toEqual([]);
    });

    test('is due again where its taker died, and never once it is known to be gone', async () => {
      const claimed = await startOnRay(db());
      await finish(db(), claimed);
      await ageRecords();
      await takeRayRecords(db(), cluster, 10);
      await ageRecords();
      const taken = await takeRayRecords(db(), cluster, 10);
      expect(taken).toHaveLength(1);
      await forgetRayRecords(db(), taken);
      await ageRecords();
      expect(await takeRayRecords(db(), cluster, 10)).toEqual([]);
    });

    test('is none for an inline attempt', async () => {
      await finish(db(), await startOne(db()));
      expect(await rows(db(), sql`select ray_record_until from mobula.attempts`)).toEqual([{ ray_record_until: null }]);
    });
  });
});
