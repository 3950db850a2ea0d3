import type { Failure, StoredValue } from '../core/attempt.ts';
import { backoffSeconds } from '../core/backoff.ts';
import { isRetryable, toAttemptError } from '../core/retry.ts';
import type { Ending, Finish, FinishedValue } from '../db/executions/finish.ts';
import type { Engine } from './engine.ts';

/** The attempt that ended, with the fence of whoever says so. */
export interface AttemptRef {
  readonly id: string;
  readonly task: string;
  readonly attempt: number;
  readonly epoch: number | null;
  readonly nonce: string | null;
}

/** Success, as it is written. */
export const succeeded = (ref: AttemptRef, value: StoredValue): Finish => ({
  ...fence(ref),
  ending: 'SUCCEEDED',
  retryable: false,
  delaySeconds: 0,
  error: null,
  result: toColumns(value),
});

/** Failure, as it is written: judged by the task's retry policy, with the wait before another attempt. */
export function failed(
  engine: Engine,
  ref: AttemptRef,
  failure: Failure,
  ending: Extract<Ending, 'FAILED' | 'LOST' | 'NEVER_BEGAN'> = 'FAILED',
): Finish {
  const policy = engine.tasks.get(ref.task)?.retry ?? {};
  const retryable = isRetryable(failure, policy, engine.settings.retryDenylist);
  const baseSeconds = policy.backoffSeconds ?? engine.settings.backoff.baseSeconds;
  return {
    ...fence(ref),
    ending,
    retryable,
    delaySeconds: backoffSeconds(ref.attempt + 1, { ...engine.settings.backoff, baseSeconds }, engine.random),
    error: JSON.stringify(toAttemptError(failure, retryable, engine.redact)),
    result: null,
  };
}

/** Handed back before user code began. */
export const released = (ref: AttemptRef): Finish => ended(ref, 'RELEASED');

/** The same of an attempt that was claimed to run here, and so has no driver. */
export const handedBack = (claimed: Omit<AttemptRef, 'nonce'>): Finish => released({ ...claimed, nonce: null });

/** The driver or the code has ended because it was asked to. */
export const cancelled = (ref: AttemptRef): Finish => ended(ref, 'CANCELLED');

const ended = (ref: AttemptRef, ending: 'RELEASED' | 'CANCELLED'): Finish => ({
  ...fence(ref),
  ending,
  retryable: false,
  delaySeconds: 0,
  error: null,
  result: null,
});

const fence = ({ id, attempt, epoch, nonce }: AttemptRef) => ({ id, attempt, epoch, nonce });

const toColumns = (value: StoredValue): FinishedValue => ({
  state: value.state,
  value: value.state === 'inline' ? value.value : null,
  reference: value.state === 'inline' ? null : value.reference,
  bytes: value.state === 'inline' ? null : value.bytes,
  sha256: value.state === 'inline' ? null : value.sha256,
  reason: value.state === 'digest_only' ? value.reason : null,
});
