import { limits } from './limits.ts';

export interface BackoffPolicy {
  /** The wait before the second attempt. */
  readonly baseSeconds: number;
  /** Share of the wait that chance may take away: 0 is none, 1 is all of it ("full jitter"). */
  readonly jitter: number;
}

/**
 * How long to wait before attempt `next` (2 or more): base × 2^(next−2), at most an hour, shortened by chance.
 *
 * Jitter only ever shortens the wait, so the maximum is a promise. Chance is an argument: this file owns no dice.
 */
export function backoffSeconds(next: number, policy: BackoffPolicy, random: () => number): number {
  if (!Number.isInteger(next) || next < 2) throw new RangeError(`The first retry is attempt 2, got ${next}.`);
  const doublings = Math.min(next - 2, 64); // far past the maximum, and short of Infinity: 0 × Infinity is no number
  const grown = policy.baseSeconds * 2 ** doublings;
  return Math.min(grown, limits.retryDelaySecondsMax) * (1 - policy.jitter * random());
}
