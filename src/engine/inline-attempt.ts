import type { Failure } from '../core/attempt.ts';
import { toJsonText, utf8Bytes } from '../core/json-value.ts';
import { limits } from '../core/limits.ts';
import { messageOf } from '../core/observe.ts';
import type { AnyTask } from '../core/task.ts';
import { reportProgress } from '../db/executions/beat.ts';
import type { Claimed } from '../db/executions/claimed.ts';
import type { Finish } from '../db/executions/finish.ts';
import type { Startable } from './bring-input.ts';
import type { Engine } from './engine.ts';
import { type AttemptRef, failed, succeeded } from './finish.ts';
import { insist } from './insist.ts';
import { fitsInRow, keepValue } from './keep-value.ts';
import type { Lease } from './lease.ts';
import { parseInput } from './prepare.ts';
import { Stoppable } from './stoppable.ts';

/**
 * Runs one claimed attempt in this process and answers how it ended; never throws. The claim was its begin. Code that is
 * deaf to its signal is left behind after a second: it may overlap what follows, which contract §2 says.
 */
export async function runInline(engine: Engine, claimed: Startable, { signal, running }: Held): Promise<Finish> {
  const ref: AttemptRef = { ...claimed, nonce: null };
  const task = engine.tasks.get(claimed.task);
  if (!task?.run) return failed(engine, ref, unknownTask(claimed.task, task !== undefined));
  const timeoutSeconds = claimed.timeoutSeconds ?? task.timeoutSeconds ?? engine.settings.taskTimeoutSeconds;
  const code = new Stoppable();
  const timeoutMs = Math.min((timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1_000, limits.timerMsMax);
  const timer = timeoutSeconds === null ? undefined : setTimeout(() => code.stop('timeout'), timeoutMs);
  if (signal.aborted) code.stop(signal.reason);
  running.set(claimed.id, code);
  const progress = progressOf(engine, claimed);
  try {
    const outcome = await code.settled(call(task, claimed, code, progress.report));
    await progress.settled();
    if (code.reason === 'timeout') return failed(engine, ref, timedOut(timeoutSeconds ?? 0));
    if (outcome === 'deaf') return failed(engine, ref, leftBehind);
    if ('failure' in outcome) return failed(engine, ref, outcome.failure);
    const { value } = outcome;
    return fitsInRow(engine, value) ? succeeded(ref, { state: 'inline', value }) : await keep(engine, ref, value);
  } finally {
    clearTimeout(timer);
    code.forget();
    running.delete(claimed.id);
  }
}

/** For a value that the row does not hold. A database that stays away for as long as a lease lives has taken the attempt with it. */
async function keep(engine: Engine, ref: AttemptRef, value: string): Promise<Finish> {
  const patience = { seconds: engine.settings.leaseSeconds, event: 'value_not_registered' };
  try {
    return succeeded(ref, await insist(engine, patience, () => keepValue(engine, value)));
  } catch (error) {
    return failed(engine, ref, { type: 'Lost', message: messageOf(error) });
  }
}

type Outcome = { readonly value: string } | { readonly failure: Failure };

async function call(
  task: AnyTask,
  { id, attempt, input: text }: Startable,
  code: Stoppable,
  progress: (value: unknown) => void,
): Promise<Outcome> {
  const context = {
    id,
    attempt,
    get signal() {
      return code.signal;
    },
    progress,
  };
  let value: unknown;
  try {
    const input = await parseInput(task, text);
    if (!input.success) return { failure: { type: 'InvalidInput', message: input.error.message, retryable: false } };
    value = await task.run?.(input.data, context);
  } catch (error) {
    return { failure: toFailure(error) };
  }
  try {
    return { value: toJsonText(value === undefined ? null : value) };
  } catch (error) {
    return { failure: { ...toFailure(error), retryable: false } };
  }
}

/** What of a lease reaches running code: its end, and one attempt's own cancel. */
export type Held = Pick<Lease, 'signal' | 'running'>;

const leftBehind: Failure = { type: 'Lost', message: 'The invocation ended before the code did.' };

/** Anything can be thrown, also what cannot be read; nothing of it may keep the attempt from its end. */
function toFailure(thrown: unknown): Failure {
  try {
    return thrown instanceof Error ? errorToFailure(thrown) : { type: 'Error', message: String(thrown) };
  } catch {
    return { type: 'Error', message: 'Something was thrown that cannot be read.' };
  }
}

function errorToFailure(error: Error): Failure {
  const names: string[] = [];
  for (let type = Object.getPrototypeOf(error); type && type !== Object.prototype; type = Object.getPrototypeOf(type)) {
    names.push(type.constructor.name);
  }
  return {
    type: String(error.name) || 'Error',
    message: String(error.message),
    traceback: String(error.stack ?? ''),
    names,
  };
}

const timedOut = (timeoutSeconds: number): Failure => ({
  type: 'TimedOut',
  message: `The attempt exceeded its run deadline of ${timeoutSeconds} s.`,
});

export const unknownTask = (name: string, known: boolean): Failure => ({
  type: known ? 'NoRunner' : 'UnknownTask',
  message: known ? `The task ${name} has no form that can run here.` : `This deployment has no task ${name}.`,
  retryable: false,
});

/** Writes progress behind the code's back: one write at a time, the latest value wins, a failed one is dropped. */
function progressOf(engine: Engine, { id, epoch }: Claimed) {
  let latest: string | null = null;
  let writing: Promise<void> | null = null;

  async function write(): Promise<void> {
    while (latest !== null) {
      const progress = latest;
      latest = null;
      await reportProgress(engine.db, { id, epoch, progress }).catch((error) =>
        engine.log('warn', 'progress_dropped', { id, reason: messageOf(error) }),
      );
    }
    writing = null;
  }

  return {
    report: (value: unknown): void => {
      const text = toJsonText(value);
      if (utf8Bytes(text) > limits.progressBytes)
        throw new RangeError(`Progress is at most ${limits.progressBytes} bytes.`);
      latest = text;
      writing ??= write();
    },
    settled: () => writing,
  };
}
