import { executionNotFound, MobulaError } from '../core/errors.ts';
import type { Execution } from '../core/execution.ts';
import { isExecutionId, jobOf } from '../core/ids.ts';
import { messageOf } from '../core/observe.ts';
import { cancelExecution } from '../db/executions/cancel.ts';
import { findExecution } from '../db/executions/find.ts';
import type { Engine } from './engine.ts';

/**
 * Cancels an execution: at once where no user code has begun, else it ends when its code does. The decision is the row's;
 * the job on the cluster is only asked to stop, here and by every look of reconcile until it has. One that it shares is
 * not: there its driver hears of it by the next beat.
 */
export async function cancel(engine: Engine, id: string): Promise<Execution> {
  const answer = isExecutionId(id) ? await cancelExecution(engine.db, id) : null;
  if (!answer) throw executionNotFound();
  if (answer.after !== 'CANCELLED' && answer.after !== 'CANCELLING') {
    throw new MobulaError('not_cancellable', `The execution is ${answer.before} and cannot be cancelled.`, {
      members: { state: answer.before },
    });
  }
  if (answer.before === 'CANCELLED') throw alreadyCancelled();
  if (answer.onCluster && !answer.sharedJob) await stopJob(engine, jobOf({ ...answer, id }));
  const sight = await findExecution(engine.db, id);
  if (!sight) throw executionNotFound();
  return sight.execution;
}

const alreadyCancelled = () =>
  new MobulaError('not_cancellable', 'The execution is CANCELLED already.', { members: { state: 'CANCELLED' } });

/** Whichever runner has it: an id is in no other's hands, and where it is unknown there is nothing to stop. */
async function stopJob({ remotes, log }: Engine, jobId: string): Promise<void> {
  try {
    await Promise.all(remotes.map((runner) => runner.stop(jobId)));
  } catch (error) {
    log('warn', 'job_not_stopped', { jobId, reason: messageOf(error) });
  }
}
