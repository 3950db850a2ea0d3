import { type OfJob, sharedJobId } from '../core/ids.ts';
import type { RemoteRunner } from '../core/runner.ts';
import type { RayOptions } from '../core/task.ts';
import { joinJobs } from '../db/executions/join-jobs.ts';
import type { Engine } from './engine.ts';

/** An attempt to be started on a cluster. */
export interface Submittable extends Omit<OfJob, 'sharedJob'> {
  readonly task: string;
  readonly epoch: number;
  /** The job that it shares, if this is not its first start. */
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
  const kept = startables.flatMap(({ attempt, ray }) =>
    attempt.sharedJob ? [{ attempt: { ...attempt, sharedJob: attempt.sharedJob }, ray }] : [],
  );
  const fresh = Map.groupBy(
    startables.filter(({ attempt }) => !attempt.sharedJob),
    ({ attempt }) => attempt.task,
  );
  const placed = [...fresh.values()].flatMap((ofTask) =>
    inParts(ofTask, (sharesJobs && ofTask[0]?.ray.executionsPerJob) || 1).flatMap((part) =>
      inOneJob(part, part.length > 1 ? sharedJobId(newId()) : null),
    ),
  );
  const joining = placed.flatMap(({ attempt: { id, epoch, sharedJob } }) =>
    sharedJob ? [{ id, epoch, sharedJob }] : [],
  );
  const joined = joining.length > 0 ? await joinJobs(db, joining) : new Set<string>();
  const isLate = ({ attempt }: Placed) => attempt.sharedJob !== null && !joined.has(attempt.id);
  return [...kept, ...placed.filter((each) => !isLate(each))];
}

const inOneJob = (startables: readonly Startable[], sharedJob: string | null): Placed[] =>
  startables.map(({ attempt, ray }) => ({ attempt: { ...attempt, sharedJob }, ray }));

function inParts<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, part) => items.slice(part * size, (part + 1) * size));
}
