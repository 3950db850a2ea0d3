import { rayJobId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import type { JobSight, RemoteRunner, RunnerHealth } from '../core/runner.ts';
import { findRayRecord } from '../db/ray-records.ts';
import type { Engine } from './engine.ts';

/**
 * Asks about jobs, and stops asking where the cluster is away: known from the start, all are `unreachable`; seen on the
 * way, the rest is not judged at all (null), since it was not asked about.
 */
export function makeInspector(runner: RemoteRunner, health: RunnerHealth | null) {
  let unanswered = 0;
  const gaveUp = () => unanswered >= limits.rayCallsUnanswered;
  return {
    gaveUp,
    async inspect(jobId: string): Promise<JobSight | null> {
      if (health?.reachable === false) return { kind: 'unreachable', message: health.reason };
      if (gaveUp()) return null;
      const sight = await runner.inspect(jobId);
      unanswered = sight.kind === 'unreachable' ? unanswered + 1 : 0;
      return sight;
    },
  };
}

/**
 * After a restart with a durable store a head shows jobs of its former life as RUNNING until something makes it look: any
 * stop does. One for a job that is over changes nothing else; the doubtful job itself is left alone, as it may live.
 */
export async function wake(engine: Engine, runner: RemoteRunner): Promise<void> {
  const record = await findRayRecord(engine.db, runner.cluster);
  if (record) await runner.stop(rayJobId(record.id, record.attempt));
}
