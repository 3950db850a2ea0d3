import { executionNotFound, MobulaError } from '../core/errors.ts';
import { type FinalState, finalStates, statusOf } from '../core/execution.ts';
import { isExecutionId, jobOf } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import { findExecution } from '../db/executions/find.ts';
import { sweepIdempotencyKeys } from '../db/executions/find-idempotency-key.ts';
import {
  countPurgeable,
  type Purged,
  type PurgeScope,
  purgeExecution,
  purgeExecutions,
} from '../db/executions/purge.ts';
import { markOrphans, markUnreferenced } from '../db/result-objects.ts';
import { affordable, canAfford } from './afford.ts';
import { eachBounded } from './each-bounded.ts';
import type { Engine } from './engine.ts';
import { checkNumber, checkQueue } from './prepare.ts';
import { removeObjects } from './remove-objects.ts';

export interface PurgeOptions {
  /** Fractions allowed; 0 is everything that is final. */
  readonly days: number;
  /** For those whose status is FAILED; the same as `days` unless said. */
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
  checkOptions(options);
  const answers: PurgeAnswer[] = [];
  for (const scope of toScopes(options)) {
    answers.push(
      options.dryRun
        ? { ...nothing, deleted: await countPurgeable(engine.db, scope) }
        : await purgeScope(engine, scope, options),
    );
  }
  if (!options.dryRun) {
    answers.push({ ...nothing, resultsDeleted: await sweepOrphans(engine) });
    await sweepIdempotencyKeys(engine.db, limits.sweepBatch);
  }
  return answers.reduce(add, nothing);
}

/** Objects that were announced more than a day ago and that nothing refers to: what crashes and failed uploads left. */
const sweepOrphans = async (engine: Engine): Promise<number> =>
  removeObjects(engine, await markOrphans(engine.db, affordable(engine, limits.sweepBatch)));

const daysMax = 36_500;

/** Whoever asks for less than nothing means something else, and nothing is removed. */
function checkOptions({ days, failedDays, batchSize, queueName }: PurgeOptions): void {
  checkNumber('days', days, { min: 0, max: daysMax });
  checkNumber('failed_days', failedDays, { min: 0, max: daysMax });
  checkNumber('batch_size', batchSize, { min: 1, max: 10_000, whole: true });
  if (queueName !== undefined) checkQueue(queueName, null);
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
  while (engine.monotonicMs() < endMs && canAfford(engine)) {
    const batch = affordable(engine, batchSize);
    const purged = await purgeExecutions(engine.db, scope, batch);
    total = add(total, await cleanUpAfter(engine, purged));
    if (purged.deleted < batch) break;
  }
  return total;
}

/** Removes one final execution with its result object and its job records; what is not final is refused. */
export async function remove(engine: Engine, id: string): Promise<void> {
  const purged = isExecutionId(id) ? await purgeExecution(engine.db, id) : null;
  if (purged?.deleted === 1) return void (await cleanUpAfter(engine, purged));
  const sight = purged && (await findExecution(engine.db, id));
  if (!sight) throw executionNotFound();
  const { state } = sight.execution;
  throw new MobulaError('not_deletable', `The execution is ${state}; only final ones can be deleted.`, {
    members: { state },
  });
}

/** What lies outside the database and is nobody's now. */
const cleanUpAfter = async (engine: Engine, purged: Purged): Promise<PurgeAnswer> => ({
  deleted: purged.deleted,
  resultsDeleted: await removeObjects(engine, await unreferenced(engine, purged.references)),
  rayJobsDeleted: await removeRayJobs(engine, purged.rayJobs),
});

const unreferenced = async ({ db }: Engine, references: readonly string[]): Promise<readonly string[]> =>
  references.length === 0 ? [] : markUnreferenced(db, references);

async function removeRayJobs({ remotes }: Engine, jobs: Purged['rayJobs']): Promise<number> {
  const keeper = remotes.find(({ keepsRecords }) => keepsRecords);
  let removed = 0;
  await eachBounded(keeper ? [...new Set(jobs.map(jobOf))] : [], limits.rayCallsAtOnce, async (jobId) => {
    if (await keeper?.remove(jobId)) removed += 1;
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
  const failed = states.filter((state) => statusOf(state) === 'FAILED');
  const others = states.filter((state) => statusOf(state) !== 'FAILED');
  return [scope(others, days), scope(failed, failedDays ?? days)].filter(({ states: of }) => of.length > 0);
}
