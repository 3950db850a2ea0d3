import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import { cancelExecution } from '../../src/db/executions/cancel.ts';
import { findExecution } from '../../src/db/executions/find.ts';
import { findAttempts } from '../../src/db/executions/find-attempts.ts';
import { joinJobs } from '../../src/db/executions/join-jobs.ts';
import { purgeExecution } from '../../src/db/executions/purge.ts';
import { findRayRecord, takeRayRecords } from '../../src/db/ray-records.ts';
import { claimForRay, describeDrivers, enqueueAll, fingerprint, finish, rowOf, startOnRay } from './support.ts';

const cluster = 'http://ray.test';
const sharedJob = 'mobula-shared-1';

describeDrivers(({ db }) => {
  const startTogether = async () => {
    await enqueueAll(db(), [{ form: 'ray' }, { form: 'ray' }]);
    const claimed = await claimForRay(db());
    await joinJobs(
      db(),
      claimed.map(({ id, epoch }) => ({ id, epoch, sharedJob })),
    );
    return claimed;
  };
  const ageRecords = () =>
    db().execute(sql`update mobula.attempts set ray_record_until = ray_record_until - interval '1 hour'`);

  describe('a job that several attempts share', () => {
    test('is known to each of them before it exists, and to who watches them', async () => {
      const claimed = await startOnRay(db());
      const before = await rowOf(db(), claimed.id);
      expect(await joinJobs(db(), [{ ...claimed, sharedJob }])).toEqual(new Set([claimed.id]));
      const after = await rowOf(db(), claimed.id);
      expect(after).toEqual({ ...before, shared_job: sharedJob, version: Number(before['version']) + 1 });
      expect((await findExecution(db(), claimed.id))?.execution.ray).toEqual({ jobId: sharedJob, address: cluster });
      expect(await findAttempts(db(), claimed.id)).toMatchObject([{ rayJobId: sharedJob }]);
    });

    test('is not joined by an attempt that has begun, was cancelled, or is somebody else’s by now', async () => {
      const [begun, cancelled, other] = [await startOnRay(db()), await startOnRay(db()), await startOnRay(db())];
      await beginAttempt(db(), { ...begun, nonce: crypto.randomUUID(), checkSeconds: 5 });
      await cancelExecution(db(), cancelled.id);
      const late = [begun, cancelled, { ...other, epoch: other.epoch + 1 }];
      const before = await Promise.all(late.map(({ id }) => fingerprint(db(), id)));
      expect(
        await joinJobs(
          db(),
          late.map(({ id, epoch }) => ({ id, epoch, sharedJob })),
        ),
      ).toEqual(new Set());
      expect(await Promise.all(late.map(({ id }) => fingerprint(db(), id)))).toEqual(before);
    });

    test('stays in the history of an attempt, and is not that of the next', async () => {
      const [claimed] = await startTogether();
      await finish(db(), { ...claimed!, ending: 'FAILED', retryable: true });
      const again = (await claimForRay(db(), { concurrency: 100 })).find(({ id }) => id === claimed!.id);
      expect(again?.attempt).toBe(2);
      expect(await findAttempts(db(), claimed!.id)).toMatchObject([
        { rayJobId: sharedJob },
        { rayJobId: `mobula-${claimed!.id.replaceAll('-', '')}-a2` },
      ]);
    });

    test('is told where one that waits in it is cancelled, for it is not stopped then', async () => {
      const [claimed] = await startTogether();
      expect(await cancelExecution(db(), claimed!.id)).toMatchObject({
        after: 'CANCELLED',
        onCluster: true,
        sharedJob,
      });
      expect(await findAttempts(db(), claimed!.id)).toMatchObject([{ state: 'CANCELLED', rayJobId: sharedJob }]);
    });

    test('has a record that is in use until the last of them has ended', async () => {
      const [first, second] = await startTogether();
      await finish(db(), first!);
      await ageRecords();
      expect(await takeRayRecords(db(), cluster, 10)).toEqual([
        { id: first!.id, attempt: 1, sharedJob, isInUse: true },
      ]);
      await finish(db(), second!);
      await ageRecords();
      expect(await takeRayRecords(db(), cluster, 10)).toMatchObject([{ isInUse: false }, { isInUse: false }]);
    });

    test('is not stopped to wake a cluster, for it may be running', async () => {
      const [first] = await startTogether();
      await finish(db(), first!);
      expect(await findRayRecord(db(), cluster)).toBeNull();
    });

    test('is told by a purge, for the removal of its record', async () => {
      const [first] = await startTogether();
      await finish(db(), first!);
      expect(await purgeExecution(db(), first!.id)).toMatchObject({
        rayJobs: [{ id: first!.id, attempt: 1, sharedJob }],
      });
    });
  });
});
