import { executionNotFound, MobulaError } from '../core/errors.ts';
import type { State } from '../core/execution.ts';
import { isExecutionId } from '../core/ids.ts';
import type { RemoteRunner } from '../core/runner.ts';
import { openCapacity } from '../db/executions/claim.ts';
import {
  type ClaimOneAnswer,
  type ClaimOneOptions,
  claimOneInline,
  claimOneRemote,
} from '../db/executions/claim-one.ts';
import { findExecution } from '../db/executions/find.ts';
import { askHealth } from './breaker.ts';
import { bringInput, isStartable } from './bring-input.ts';
import type { Engine } from './engine.ts';
import { handedBack } from './finish.ts';
import { handBackUnseen } from './hand-back.ts';
import { type Held, runInline } from './inline-attempt.ts';
import { holdLease } from './lease.ts';
import { runnerOf } from './runner-of.ts';
import { submitAttempts } from './submit.ts';
import { writeOutcomes } from './write-outcomes.ts';

export interface ExecuteOptions {
  readonly id: string;
  readonly allowRetry: boolean;
  readonly force: boolean;
  /** The time this call may take. */
  readonly seconds: number;
}

/**
 * Runs that one execution: inline to its end, on Ray to its submission. Of two calls at once one runs it and the other
 * is refused. Answers the attempt's number, by which a caller can tell its failure from an older one.
 */
export async function execute(engine: Engine, options: ExecuteOptions): Promise<{ readonly attempt: number }> {
  if (!isExecutionId(options.id)) throw executionNotFound();
  const found = await findExecution(engine.db, options.id);
  if (!found) throw executionNotFound();
  const task = engine.tasks.get(found.execution.task);
  if (!task) throw new MobulaError('unknown_task', 'This deployment has no such task.');
  const runner = runnerOf(engine, task);
  if (!runner) throw new MobulaError('ray_unavailable', 'The task runs on Ray, and no Ray is configured here.');
  const lease = holdLease(engine, options.seconds);
  const wish: ClaimOneOptions = {
    ...options,
    invocationId: lease.invocationId,
    leaseSeconds: engine.settings.leaseSeconds,
    grantedAttempts: task.retry?.maxAttempts ?? engine.settings.maxAttempts,
  };
  try {
    if (runner === 'inline') return await executeInline(engine, wish, lease);
    return await executeRemote(engine, engine.ray as RemoteRunner, wish);
  } finally {
    await lease.end();
  }
}

async function executeInline(engine: Engine, wish: ClaimOneOptions, held: Held): Promise<{ attempt: number }> {
  const answer = await claimOneInline(engine.db, wish).catch(async (error) => {
    await handBackUnseen(engine, wish.invocationId);
    throw error;
  });
  const claimed = claimedOrThrow(answer);
  const ready = isStartable(claimed) ? claimed : await bringInput(engine, claimed, () => !held.signal.aborted);
  await writeOutcomes(engine, [ready ? await runInline(engine, ready, held) : handedBack(claimed)]);
  return claimed;
}

async function executeRemote(
  engine: Engine,
  runner: RemoteRunner,
  wish: ClaimOneOptions,
): Promise<{ attempt: number }> {
  if (!(await askHealth(engine, runner, false)).reachable)
    throw new MobulaError('ray_unavailable', 'Ray cannot be reached now.');
  await openCapacity(engine.db, runner.name, runner.cluster);
  const { concurrency } = engine.settings;
  const claimed = claimedOrThrow(
    await claimOneRemote(engine.db, { ...wish, runner: runner.name, cluster: runner.cluster, concurrency }),
  );
  await submitAttempts(engine, runner, [claimed]);
  return claimed;
}

function claimedOrThrow(answer: ClaimOneAnswer) {
  switch (answer.kind) {
    case 'claimed':
      return answer.claimed;
    case 'absent':
      throw executionNotFound();
    case 'full':
      throw new MobulaError('at_capacity', 'As many attempts as allowed are in flight on this cluster.');
    case 'not_due':
      throw new MobulaError('not_executable', 'The execution is not due yet; `force` would run it now.', {
        members: { state: 'QUEUED' },
      });
    case 'not_executable':
      throw new MobulaError('not_executable', refusalOf(answer.state), { members: { state: answer.state } });
  }
}

const refusalOf = (state: State): string =>
  ['FAILED', 'LOST', 'EXPIRED'].includes(state)
    ? `The execution is ${state}; \`allow_retry\` would run it again.`
    : `The execution is ${state} and cannot be executed.`;
