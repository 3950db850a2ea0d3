import { jobOf } from '../core/ids.ts';
import type { JobSight, RemoteRunner, RunnerHealth } from '../core/runner.ts';
import type { Check } from '../db/executions/take-checks.ts';
import { findRayRecord } from '../db/ray-records.ts';
import { noteAway } from './breaker.ts';
import type { Engine } from './engine.ts';

/**
 * What the cluster says of each check, in their order. Known to be away, it is not asked, and all are `unreachable`; where
 * it stopped answering on the way the rest is null, which is not judged at all.
 */
export async function inspectAll(
  engine: Engine,
  runner: RemoteRunner,
  { checks, health }: { checks: readonly Check[]; health: RunnerHealth | null },
): Promise<readonly (JobSight | null)[]> {
  if (health?.reachable === false) return checks.map(() => ({ kind: 'unreachable', message: health.reason }));
  const jobIds = [...new Set(checks.map(jobOf))];
  const sights = await runner.inspect(jobIds);
  if (sights.includes(null)) await noteAway(engine, runner, 'It stopped answering.');
  const byJob = new Map(jobIds.map((jobId, index) => [jobId, sights[index] ?? null]));
  return checks.map((check) => byJob.get(jobOf(check)) ?? null);
}

/**
 * After a restart with a durable store a head shows jobs of its former life as RUNNING until something makes it look: any
 * stop does. One for a job that is over changes nothing else; the doubtful job itself is left alone, as it may live.
 */
export async function wake(engine: Engine, runner: RemoteRunner): Promise<void> {
  const record = await findRayRecord(engine.db, runner.cluster);
  if (record) await runner.stop(jobOf(record));
}
