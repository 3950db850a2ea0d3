import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JobSight } from '../../src/core/runner.ts';
import { type AttemptFacts, judge, type Verdict, type VerdictBounds } from '../../src/core/verdict.ts';

/** What the row, Ray and the settings say, said as the contract says it. */
interface Case {
  readonly accepted: boolean;
  readonly begun: boolean;
  /** The job is not this attempt's alone. */
  readonly shares: boolean;
  readonly cancelling: boolean;
  /** No accepted beat for the stuck timeout. */
  readonly silent: boolean;
  /** The run deadline has passed. */
  readonly overdue: boolean;
  /** The start timeout has passed. */
  readonly late: boolean;
  /** Ray has called the job finished for the whole grace. */
  readonly graceOver: boolean;
  readonly ray: 'over' | 'alive' | 'forgot' | 'mute';
}

const words = { succeeded: 'over', failed: 'over', stopped: 'over', pending: 'alive', running: 'alive' } as const;
const moreWords = { gone: 'forgot', unreachable: 'mute', denied: 'mute' } as const;

const toCase = (facts: AttemptFacts, sight: JobSight, bounds: VerdictBounds): Case => ({
  accepted: facts.accepted,
  begun: facts.begun,
  shares: facts.shares,
  cancelling: facts.cancelling,
  silent: (facts.silentSeconds ?? 0) >= bounds.stuckSeconds,
  overdue: bounds.timeoutSeconds !== null && (facts.begunSecondsAgo ?? 0) >= bounds.timeoutSeconds,
  late: facts.claimedSecondsAgo >= bounds.startTimeoutSeconds,
  graceOver: facts.rayEndedSecondsAgo !== null && facts.rayEndedSecondsAgo >= bounds.graceSeconds,
  ray: { ...words, ...moreWords }[sight.kind],
});

/** Seconds at, just before and just after every bound that is tried, so that its two sides are met as often as its middle. */
const edges = [0, 1, 29.999, 30, 30.001, 299.999, 300, 300.001, 900, 3_600];
const age = fc.oneof(fc.constantFrom(...edges), fc.double({ min: 0, max: 5_000, noNaN: true }));
const bound = fc.oneof(fc.constantFrom(...edges), fc.double({ min: 0, max: 5_000, noNaN: true }));

const anyFacts: fc.Arbitrary<AttemptFacts> = fc
  .record({
    cancelling: fc.boolean(),
    accepted: fc.boolean(),
    begun: fc.boolean(),
    shares: fc.boolean(),
    claimed: age,
    since: age,
    silent: age,
    ended: fc.option(age),
  })
  .map(({ cancelling, accepted, begun, shares, claimed, since, silent, ended }) => ({
    cancelling,
    accepted,
    begun,
    shares,
    claimedSecondsAgo: Math.max(claimed, begun ? since : 0),
    begunSecondsAgo: begun ? since : null,
    silentSeconds: begun ? Math.min(silent, since) : null,
    rayEndedSecondsAgo: ended,
  }));

const anySight: fc.Arbitrary<JobSight> = fc
  .constantFrom<JobSight['kind']>(
    'pending',
    'running',
    'succeeded',
    'failed',
    'stopped',
    'gone',
    'unreachable',
    'denied',
  )
  .map((kind) => ({ kind, message: 'so said Ray', errorType: null, session: 's' }) as JobSight);

const anyBounds: fc.Arbitrary<VerdictBounds> = fc.record({
  startTimeoutSeconds: bound,
  stuckSeconds: bound,
  graceSeconds: bound,
  timeoutSeconds: fc.option(bound),
});

const always = (holds: (seen: Case, verdict: Verdict) => boolean) =>
  fc.assert(
    fc.property(anyFacts, anySight, anyBounds, (facts, sight, bounds) =>
      holds(toCase(facts, sight, bounds), judge(facts, sight, bounds)),
    ),
    { numRuns: 20_000 },
  );

const endsAs = (verdict: Verdict, as: Extract<Verdict, { kind: 'end' }>['as']) =>
  verdict.kind === 'end' && verdict.as === as;

/** Nobody can bring an outcome any more: Ray says so and the grace is over, or it has been silent, and no job answers. */
const isSurelyOver = ({ ray, silent, graceOver }: Case) =>
  (ray === 'over' && (silent || graceOver)) || (ray === 'forgot' && silent);

/** One line for each verdict: when it is given, and that it is given then alone. Together they are the whole of `judge`. */
const exactly: readonly (readonly [string, (verdict: Verdict) => boolean, (seen: Case) => boolean])[] = [
  [
    'Lost: it had begun, it is surely over, and it brought no outcome',
    (verdict) => endsAs(verdict, 'lost'),
    (seen) => seen.begun && !seen.cancelling && isSurelyOver(seen) && !(seen.ray === 'over' && seen.overdue),
  ],
  [
    'TimedOut: the same of one whose run deadline had passed',
    (verdict) => endsAs(verdict, 'timed_out'),
    (seen) => seen.begun && !seen.cancelling && seen.ray === 'over' && isSurelyOver(seen) && seen.overdue,
  ],
  [
    'unknown: it is silent, and Ray cannot be asked',
    (verdict) => endsAs(verdict, 'unknown'),
    (seen) => seen.begun && !seen.cancelling && seen.silent && seen.ray === 'mute',
  ],
  [
    'never began: Ray says it is over, or has forgotten what it took, or its start timeout has passed',
    (verdict) => endsAs(verdict, 'never_began'),
    (seen) =>
      !seen.begun && !seen.cancelling && (seen.ray === 'over' || (seen.ray === 'forgot' && seen.accepted) || seen.late),
  ],
  [
    'cancelled: it was to be, and it has not begun, its job is over, or its driver must have ended itself',
    (verdict) => endsAs(verdict, 'cancelled'),
    (seen) => seen.cancelling && (!seen.begun || seen.ray === 'over' || (seen.silent && seen.ray !== 'alive')),
  ],
  [
    'stop: it has begun, its job is alive, and it is silent, or cancelled or past its deadline in a job of its own',
    (verdict) => verdict.kind === 'stop',
    (seen) =>
      seen.begun && seen.ray === 'alive' && (seen.silent || (!seen.shares && (seen.cancelling || seen.overdue))),
  ],
  [
    'submit again: it has not begun, Ray does not know it and is not known to have had it, and there is time',
    (verdict) => verdict.kind === 'resubmit',
    (seen) => !seen.begun && !seen.cancelling && seen.ray === 'forgot' && !seen.accepted && !seen.late,
  ],
  [
    'the grace: its job is over, and its outcome may be on the way',
    (verdict) => verdict.kind === 'wait' && verdict.rayEnded,
    (seen) => seen.begun && !seen.cancelling && seen.ray === 'over' && !isSurelyOver(seen),
  ],
];

describe('a verdict comes where the contract says, and only there', () => {
  test.each(exactly)('%s', (_, isGiven, isDue) => {
    always((seen, verdict) => isGiven(verdict) === isDue(seen));
  });

  test('and everything else waits', () => {
    always(
      (seen, verdict) => exactly.some(([, , isDue]) => isDue(seen)) !== (verdict.kind === 'wait' && !verdict.rayEnded),
    );
  });

  test('no two of them at once', () => {
    always((seen) => exactly.filter(([, , isDue]) => isDue(seen)).length <= 1);
  });
});

test('a job is stopped beside a verdict exactly where no code of it has begun and it may yet start', () => {
  always(({ begun, cancelling, ray }, verdict) => {
    const mayYetStart = !begun && (cancelling || ray !== 'over');
    return verdict.kind !== 'end' || verdict.stop === mayYetStart;
  });
});

test('every end says why', () => {
  always((_, verdict) => verdict.kind !== 'end' || verdict.message.length > 10);
});

test('a look comes back before the silence or the run deadline is over by more than half a second', () => {
  fc.assert(
    fc.property(anyFacts, anySight, anyBounds, (facts, sight, bounds) => {
      const verdict = judge(facts, sight, bounds);
      if (!facts.begun || verdict.kind !== 'wait' || verdict.rayEnded) return;
      const { begunSecondsAgo, silentSeconds } = facts;
      const left = bounds.timeoutSeconds === null ? Number.POSITIVE_INFINITY : bounds.timeoutSeconds - begunSecondsAgo!;
      expect(verdict.afterSeconds).toBeLessThanOrEqual(
        Math.max(0.5, Math.min(left, bounds.stuckSeconds - silentSeconds!)),
      );
    }),
    { numRuns: 2_000 },
  );
});
