import { jobOf } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import type { RemoteRunner } from '../core/runner.ts';
import { forgetRayRecords, type RayRecord, takeRayRecords } from '../db/ray-records.ts';
import { affordable } from './afford.ts';
import { eachBounded } from './each-bounded.ts';
import type { Engine } from './engine.ts';

/**
 * Deletes the job records of attempts that ended ten minutes ago: Ray keeps them for ever, and grows slow by them. Not
 * sooner, because a deleted id would be accepted again. A job that is not over yet is asked to stop, unless somebody else
 * is still in it, and met again.
 */
export async function deleteRecords(engine: Engine): Promise<void> {
  for (const runner of engine.remotes) if (runner.keepsRecords) await deleteFrom(engine, runner);
}

async function deleteFrom(engine: Engine, runner: RemoteRunner): Promise<void> {
  const gone: RayRecord[] = [];
  const count = affordable(engine, limits.checksPerRun);
  const due = await takeRayRecords(engine.db, runner.cluster, count);
  await eachBounded([...Map.groupBy(due, jobOf)], limits.rayCallsAtOnce, async ([jobId, records]) => {
    if (await runner.remove(jobId)) gone.push(...records);
    else if (!records.some(({ isInUse }) => isInUse)) await runner.stop(jobId);
  });
  if (gone.length > 0) await forgetRayRecords(engine.db, gone);
}
