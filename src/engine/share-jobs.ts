import { type OfJob, sharedJobId } from '../core/ids.ts';
import type { RemoteRunner } from '../core/runner.ts';
import type { RayOptions } from '../core/task.ts';
import { joinJobs } from '../db/executions/join-jobs.ts';
import type { Engine } from './engine.ts';

/** An attempt to be started on a cluster. */
export interface Submittable extends Omit<OfJob, 'sharedJob'> {
  readonly task: string;
  readonly epoch: number;
  /** The job that it was to share before, if this is not its first start. */
  readonly sharedJob?: string | null;
}

/** One whose task runs there. */
export interface Startable {
  readonly attempt: Submittable;
  readonly ray: RayOptions;
}

/** One of which it is decided in which job. */
export interface Placed {
  readonly attempt: Submittable & OfJob;
  readonly ray: RayOptions;
}

/**
 * Decides which attempts share a job, where runner and task allow it, and has their rows know it. Left out are those that
 * have moved on meanwhile.
 */
export async function shareJobs(
  { db, newId }: Pick<Engine, 'db' | 'newId'>,
  { sharesJobs }: Pick<RemoteRunner, 'sharesJobs'>,
  startables: readonly Startable[],
): Promise<Placed[]> {
  const jobs = [...Map.groupBy(startables, ({ attempt }) => attempt.task).values()].flatMap((ofTask) =>
    inParts(ofTask, (sharesJobs && ofTask[0]?.ray.executionsPerJob) || 1),
  );
  const decided = jobs.flatMap((job) => inOneJob(job, job.length > 1 ? sharedJobId(newId()) : null));
  const known = new Map(startables.map(({ attempt }) => [attempt.id, attempt.sharedJob ?? null]));
  const joining = decided.map(({ attempt }) => attempt).filter(({ id, sharedJob }) => sharedJob !== known.get(id));
  if (joining.length === 0) return decided;
  const joined = await joinJobs(db, joining);
  const isLate = new Set(joining.map(({ id }) => id).filter((id) => !joined.has(id)));
  return decided.filter(({ attempt }) => !isLate.has(attempt.id));
}

const inOneJob = (startables: readonly Startable[], sharedJob: string | null): Placed[] =>
  startables.map(({ attempt, ray }) => ({ attempt: { ...attempt, sharedJob }, ray }));

function inParts<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, part) => items.slice(part * size, (part + 1) * size));
}
