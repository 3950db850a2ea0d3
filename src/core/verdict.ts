import type { JobSight } from './runner.ts';

/** What the row says of a remote attempt, ages measured by the database's clock. */
export interface AttemptFacts {
  readonly cancelling: boolean;
  /** The cluster is known to have taken the job, now or before. */
  readonly accepted: boolean;
  readonly begun: boolean;
  /** Others wait in the same job for this one to end, or this one for others. */
  readonly shares: boolean;
  readonly claimedSecondsAgo: number;
  readonly begunSecondsAgo: number | null;
  /** Since the last accepted beat, or begin. */
  readonly silentSeconds: number | null;
  /** Since Ray was first seen to call the job finished, with no beat after it. */
  readonly rayEndedSecondsAgo: number | null;
}

export interface VerdictBounds {
  readonly startTimeoutSeconds: number;
  readonly stuckSeconds: number;
  readonly graceSeconds: number;
  readonly timeoutSeconds: number | null;
}

/**
 * What to do with an attempt after a look at its job. `unknown` tells that its end cannot be known, where only an
 * idempotent task may run again.
 */
export type Verdict =
  | { readonly kind: 'wait'; readonly afterSeconds: number; readonly rayEnded: boolean }
  | { readonly kind: 'resubmit' }
  | { readonly kind: 'stop'; readonly afterSeconds: number }
  | {
      readonly kind: 'end';
      readonly as: 'never_began' | 'lost' | 'timed_out' | 'unknown' | 'cancelled';
      readonly message: string;
      /** The job may be alive still and is to be stopped, although nothing waits for it; one that it shares is not. */
      readonly stop: boolean;
    };

/** After a stop: Ray gives a job three seconds to end. */
const stopSeconds = 4;

/**
 * Whether Ray calls a job running that should have been heard of by now: two heartbeats without a begin or a beat. Nothing
 * is judged by it; the cluster is made to look at its jobs again.
 */
export function isDoubtful(facts: AttemptFacts, sight: JobSight, heartbeatSeconds: number): boolean {
  const isInLine = facts.shares && !facts.begun;
  return (
    sight.kind === 'running' && !isInLine && (facts.silentSeconds ?? facts.claimedSecondsAgo) > 2 * heartbeatSeconds
  );
}

/**
 * Judges an attempt by the row and by Ray's word, the row first. Called for attempts without an outcome: one that has
 * committed its own is final and never comes here.
 */
export function judge(facts: AttemptFacts, sight: JobSight, bounds: VerdictBounds): Verdict {
  return facts.begun ? judgeBegun(facts, sight, bounds) : judgeUnbegun(facts, sight, bounds);
}

const wait = (afterSeconds: number, rayEnded = false): Verdict => ({ kind: 'wait', afterSeconds, rayEnded });

/** The gate is shut by the verdict itself, so an attempt that has not begun can be ended whatever its job does. */
function judgeUnbegun(facts: AttemptFacts, sight: JobSight, bounds: VerdictBounds): Verdict {
  if (facts.cancelling) return { kind: 'end', as: 'cancelled', message: 'Cancelled before it began.', stop: true };
  if (isOver(sight)) return { kind: 'end', as: 'never_began', message: neverBegan(sight.message), stop: false };
  const left = bounds.startTimeoutSeconds - facts.claimedSecondsAgo;
  if (left <= 0) {
    const message = `The attempt did not begin within ${bounds.startTimeoutSeconds} s of its submission.`;
    return { kind: 'end', as: 'never_began', message, stop: true };
  }
  // A job that was taken and forgotten may start yet, where another head's worker has it: only a new number shuts it out.
  if (sight.kind === 'gone' && facts.accepted) {
    return { kind: 'end', as: 'never_began', message: 'Ray has forgotten the job before it began.', stop: true };
  }
  if (sight.kind === 'gone') return { kind: 'resubmit' };
  return wait(Math.min(checkInterval(facts.claimedSecondsAgo), left));
}

function judgeBegun(facts: AttemptFacts, sight: JobSight, bounds: VerdictBounds): Verdict {
  const begunAgo = facts.begunSecondsAgo ?? 0;
  const silentLeft = bounds.stuckSeconds - (facts.silentSeconds ?? 0);
  const timeLeft = bounds.timeoutSeconds === null ? Number.POSITIVE_INFINITY : bounds.timeoutSeconds - begunAgo;
  const next = Math.max(0.5, Math.min(checkInterval(begunAgo), silentLeft, timeLeft));

  if (isOver(sight))
    return judgeOver(facts, sight.message, { bounds, silent: silentLeft <= 0, overdue: timeLeft <= 0 });
  if (sight.kind === 'gone') {
    // Ray deletes no live job, but a head that restarted forgets jobs whose drivers may live: silence decides.
    return silentLeft <= 0 ? over(facts, 'Ray no longer knows the job, and its driver is silent.') : wait(next);
  }
  if (sight.kind === 'unreachable' || sight.kind === 'denied') return silentLeft <= 0 ? unknowable(facts) : wait(next);
  // In a job that others wait in, a driver that is heard of is left to end itself, which it does a little later.
  const isUnwanted = silentLeft <= 0 || (!facts.shares && (facts.cancelling || timeLeft <= 0));
  return isUnwanted ? { kind: 'stop', afterSeconds: stopSeconds } : wait(next);
}

/** Ray calls the job finished: its outcome may still be on the way, unless the job was silent, or nobody wants it. */
function judgeOver(
  facts: AttemptFacts,
  said: string,
  { bounds, silent, overdue }: { bounds: VerdictBounds; silent: boolean; overdue: boolean },
): Verdict {
  const graceLeft = bounds.graceSeconds - (facts.rayEndedSecondsAgo ?? 0);
  const hasWaited = facts.rayEndedSecondsAgo !== null && graceLeft <= 0;
  if (!facts.cancelling && !silent && !hasWaited) return wait(Math.max(0.5, graceLeft), true);
  if (overdue && !facts.cancelling) {
    return {
      kind: 'end',
      as: 'timed_out',
      message: `Stopped after its run deadline of ${bounds.timeoutSeconds} s.`,
      stop: false,
    };
  }
  return over(facts, `The job ended without an outcome. ${said}`.trim());
}

const over = (facts: AttemptFacts, message: string): Verdict => ({
  kind: 'end',
  as: facts.cancelling ? 'cancelled' : 'lost',
  message,
  stop: false,
});

/** The driver has ended itself by now if it could; if it is frozen, nobody can tell. */
const unknowable = (facts: AttemptFacts): Verdict => ({
  kind: 'end',
  as: facts.cancelling ? 'cancelled' : 'unknown',
  message: 'The driver is silent and its cluster cannot be asked.',
  stop: false,
});

const isOver = (sight: JobSight): sight is Extract<JobSight, { errorType: string | null }> =>
  sight.kind === 'succeeded' || sight.kind === 'failed' || sight.kind === 'stopped';

const neverBegan = (said: string) => `The job ended before the attempt began. ${said}`.trim();

/** Young attempts are looked after soon, old ones seldom: a quarter of their age, 2 to 60 seconds. */
const checkInterval = (ageSeconds: number): number => Math.min(60, Math.max(2, ageSeconds / 4));
