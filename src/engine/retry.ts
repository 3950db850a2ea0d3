import { executionNotFound, MobulaError } from '../core/errors.ts';
import type { Execution, State } from '../core/execution.ts';
import { isExecutionId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import { findExecution } from '../db/executions/find.ts';
import { type Grants, type ResetScope, resetExecutions, retryExecution } from '../db/executions/retry.ts';
import type { Engine } from './engine.ts';
import { checkQueue } from './prepare.ts';

/** Puts a FAILED, CANCELLED, LOST or EXPIRED execution back into its queue, with its task's attempts anew. */
export async function retry(engine: Engine, id: string): Promise<Execution> {
  const answer = isExecutionId(id) ? await retryExecution(engine.db, id, grantsOf(engine)) : null;
  if (!answer) throw executionNotFound();
  if (!answer.moved) throw notRetriable(answer.before);
  const sight = await findExecution(engine.db, id);
  if (!sight) throw executionNotFound();
  return sight.execution;
}

const notRetriable = (state: State) =>
  new MobulaError('not_retriable', `The execution is ${state} and cannot be retried.`, { members: { state } });

/** The same for all of the scope, in bounded batches, until none is left or the time is up; answers how many. */
export async function reset(engine: Engine, scope: ResetScope, seconds: number): Promise<number> {
  if (scope.queue !== null) checkQueue(scope.queue, null);
  const endMs = engine.monotonicMs() + seconds * 1_000;
  let count = 0;
  for (let batch: number = limits.sweepBatch; batch === limits.sweepBatch && engine.monotonicMs() < endMs; ) {
    batch = await resetExecutions(engine.db, scope, grantsOf(engine), limits.sweepBatch);
    count += batch;
  }
  return count;
}

const grantsOf = ({ tasks, settings }: Engine): Grants => ({
  byTask: new Map(
    [...tasks.values()].map(({ name, retry: policy }) => [name, policy?.maxAttempts ?? settings.maxAttempts]),
  ),
  otherwise: settings.maxAttempts,
});
