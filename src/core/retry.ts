import type { AttemptError, Failure } from './attempt.ts';
import { limits } from './limits.ts';
import type { Redaction } from './redact.ts';

/** What a task says about trying again; what it leaves out comes from the settings. */
export interface RetryPolicy {
  /** The first attempt included, 1..100. */
  readonly maxAttempts?: number;
  /** Seconds before the second attempt; doubled for each further one. */
  readonly backoffSeconds?: number;
  /** Error names, short or qualified, that are never retried. */
  readonly never?: readonly string[];
  /** Whether a run deadline that passed may be retried; it is not unless this says so. */
  readonly timedOut?: boolean;
}

/** Whether another attempt may follow this failure, as far as its kind is concerned; how many are left is the row's. */
export function isRetryable(failure: Failure, policy: RetryPolicy, denylist: readonly string[]): boolean {
  if (failure.retryable === false) return false;
  if (failure.type === 'TimedOut' && policy.timedOut !== true) return false;
  const names = [failure.type, ...(failure.names ?? [])];
  return ![...denylist, ...(policy.never ?? [])].some((refused) => names.includes(refused));
}

/** The failure as it is kept: redacted, bounded, in text that JSON and Postgres both take, with the policy's word. */
export function toAttemptError(failure: Failure, retryable: boolean, redact: Redaction): AttemptError {
  const type = failure.type.slice(0, limits.nameLength);
  const message = redact(failure.message.slice(0, limits.errorMessageCharacters)).slice(
    0,
    limits.errorMessageCharacters,
  );
  const error = { type: clean(type), message: clean(message), retryable };
  if (!failure.traceback) return error;
  // More than is kept, so that no value begins it whose name was cut off.
  const traceback = redact(failure.traceback.slice(-2 * limits.tracebackCharacters));
  return { ...error, traceback: clean(traceback.slice(-limits.tracebackCharacters)) };
}

const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed();
