import { type OfJob, sharedJobId } from '../core/ids.ts';
import type { RemoteRunner } from '../core/runner.ts';
import type { RayOptions } from '../core/task.ts';
import { joinJobs } from '../db/executions/join-jobs.ts';
import type { Engine } from './engine.ts';

/** An attempt to be started on a cluster. */
export interface Submittable extends Omit<OfJob, 'sharedJob'> {
  readonly task: string;
  readonly epoch: number;
  /** The job that it shares, null for its own; undefined before its first start. */
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
 * Decides which attempts share a job, where runner and task allow it, and has their rows know it. One that was started
 * before keeps its job: of several submissions under one id Ray takes one. Left out are those that have moved on meanwhile.
 */
export async function shareJobs(
  { db, newId }: Pick<Engine, 'db' | 'newId'>,
  { sharesJobs }: Pick<RemoteRunner, 'sharesJobs'>,
  startables: readonly Startable[],
): Promise<Placed[]> {
  const started = startables.flatMap((each) =>
    each.attempt.sharedJob === undefined ? [] : [inJob(each, each.attempt.sharedJob)],
  );
  const fresh = startables.filter(({ attempt }) => attempt.sharedJob === undefined);
  const lines = [...Map.groupBy(fresh, ({ attempt }) => attempt.task).values()].flatMap((ofTask) =>
    inParts(ofTask, (sharesJobs && ofTask[0]?.ray.executionsPerJob) || 1),
  );
  const placed = lines.flatMap((line) => {
    const job = line.length > 1 ? sharedJobId(newId()) : null;
    return line.map((each) => inJob(each, job));
  });
  const joining = placed.flatMap(({ attempt: { id, epoch, sharedJob } }) =>
    sharedJob ? [{ id, epoch, sharedJob }] : [],
  );
  const joined = joining.length > 0 ? await joinJobs(db, joining) : new Set<string>();
  const isLate = ({ attempt }: Placed) => attempt.sharedJob !== null && !joined.has(attempt.id);
  return [...started, ...placed.filter((each) => !isLate(each))];
}

const inJob = ({ attempt, ray }: Startable, sharedJob: string | null): Placed => ({
  attempt: { ...attempt, sharedJob },
  ray,
});

function inParts<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, part) => items.slice(part * size, (part + 1) * size));
}
