import { type FinalState, finalStates } from '../core/execution.ts';
import { rayJobId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import { countPurgeable, type Purged, type PurgeScope, purgeExecutions } from '../db/executions/purge.ts';
import { markUnreferenced } from '../db/result-objects.ts';
import { eachBounded } from './each-bounded.ts';
import type { Engine } from './engine.ts';
import { checkQueue } from './prepare.ts';
import { removeObjects } from './remove-objects.ts';

export interface PurgeOptions {
  /** Fractions allowed; 0 is everything that is final. */
  readonly days: number;
  /** For FAILED alone; the same as `days` unless said. */
  readonly failedDays?: number | undefined;
  readonly states?: readonly FinalState[] | undefined;
  readonly queueName?: string | undefined;
  readonly task?: string | undefined;
  readonly batchSize: number;
  readonly dryRun: boolean;
  readonly seconds: number;
}

export interface PurgeAnswer {
  readonly deleted: number;
  readonly resultsDeleted: number;
  readonly rayJobsDeleted: number;
}

/**
 * Deletes final executions by age, in bounded batches, until none is left or the time is up; a dry run only counts. Those
 * at exactly the cutoff are old enough. QUEUED, RUNNING and CANCELLING are never touched. Stored values that nobody else
 * refers to and job records that are still on the cluster go too.
 */
export async function purge(engine: Engine, options: PurgeOptions): Promise<PurgeAnswer> {
  if (options.queueName !== undefined) checkQueue(options.queueName, null);
  const answers: PurgeAnswer[] = [];
  for (const scope of toScopes(options)) {
    answers.push(
      options.dryRun
        ? { ...nothing, deleted: await countPurgeable(engine.db, scope) }
        : await purgeScope(engine, scope, options),
    );
  }
  return answers.reduce(add, nothing);
}

const nothing: PurgeAnswer = { deleted: 0, resultsDeleted: 0, rayJobsDeleted: 0 };

const add = (a: PurgeAnswer, b: PurgeAnswer): PurgeAnswer => ({
  deleted: a.deleted + b.deleted,
  resultsDeleted: a.resultsDeleted + b.resultsDeleted,
  rayJobsDeleted: a.rayJobsDeleted + b.rayJobsDeleted,
});

async function purgeScope(
  engine: Engine,
  scope: PurgeScope,
  { batchSize, seconds }: PurgeOptions,
): Promise<PurgeAnswer> {
  const endMs = engine.monotonicMs() + seconds * 1_000;
  let total = nothing;
  for (let batch = batchSize; batch === batchSize && engine.monotonicMs() < endMs; ) {
    const purged = await purgeExecutions(engine.db, scope, batchSize);
    batch = purged.deleted;
    total = add(total, {
      deleted: batch,
      resultsDeleted: await removeObjects(engine, await unreferenced(engine, purged.references)),
      rayJobsDeleted: await removeRayJobs(engine, purged.rayJobs),
    });
  }
  return total;
}

const unreferenced = async ({ db }: Engine, references: readonly string[]): Promise<readonly string[]> =>
  references.length === 0 ? [] : markUnreferenced(db, references);

async function removeRayJobs({ ray }: Engine, jobs: Purged['rayJobs']): Promise<number> {
  let removed = 0;
  await eachBounded(ray ? jobs : [], limits.rayCallsAtOnce, async ({ id, attempt }) => {
    if (await ray?.remove(rayJobId(id, attempt))) removed += 1;
  });
  return removed;
}

function toScopes({ days, failedDays, states = finalStates, queueName, task }: PurgeOptions): PurgeScope[] {
  const scope = (of: readonly FinalState[], age: number): PurgeScope => ({
    states: of,
    ageSeconds: age * 86_400,
    queue: queueName ?? null,
    task: task ?? null,
  });
  const failed = states.filter((state) => state === 'FAILED');
  const others = states.filter((state) => state !== 'FAILED');
  return [scope(others, days), scope(failed, failedDays ?? days)].filter(({ states: of }) => of.length > 0);
}
