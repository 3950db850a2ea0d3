import fc from 'fast-check';
import type { Ending } from '../../../src/db/executions/finish.ts';
import { type Driver, type Enqueued, type Invocation, invocations } from './life.ts';

type RunnerOfLife = 'inline' | 'ray_job';

/** How the writer of an end is known: by a ticket so many before the latest, or as a driver. */
export type Fence = { readonly ticket: number } | { readonly driver: Driver };

/** Everything that can happen to an execution, at any time, by anybody, also when it should not. */
export type Event =
  | { readonly kind: 'claim'; readonly runner: RunnerOfLife; readonly by: Invocation }
  | {
      readonly kind: 'execute';
      readonly runner: RunnerOfLife;
      readonly by: Invocation;
      readonly allowRetry: boolean;
      readonly force: boolean;
    }
  | { readonly kind: 'submitted' | 'plan' | 'report'; readonly ticket: number }
  | { readonly kind: 'begin'; readonly driver: Driver }
  | { readonly kind: 'beat'; readonly driver: Driver; readonly progress: boolean }
  | {
      readonly kind: 'finish';
      readonly fence: Fence;
      readonly ending: Ending;
      readonly retryable: boolean;
      readonly delayed: boolean;
    }
  | { readonly kind: 'renew' | 'drop'; readonly by: Invocation }
  | { readonly kind: 'pass'; readonly what: 'due' | 'expiry' | 'check' | Invocation }
  | {
      readonly kind:
        | 'cancel'
        | 'takeLapsed'
        | 'dropDeadLeases'
        | 'takeChecks'
        | 'expire'
        | 'promote'
        | 'retry'
        | 'purge';
    };

/** The events of one kind. */
export type Of<Kind extends Event['kind']> = Extract<Event, { kind: Kind }>;

const runner = fc.constantFrom<RunnerOfLife>('inline', 'ray_job');
const by = fc.constantFrom(...invocations);
const ticket = fc.constantFrom(0, 0, 0, 1, 2);
const driver = fc.record({ back: fc.constantFrom(0, 0, 0, 1), which: fc.constantFrom('one' as const, 'two' as const) });
const kind = <Kind extends Event['kind']>(of: Kind) => fc.constant(of);

const finish = fc.record({
  kind: kind('finish'),
  fence: fc.oneof(fc.record({ ticket }), fc.record({ driver })),
  ending: fc.constantFrom<Ending>('SUCCEEDED', 'FAILED', 'FAILED', 'LOST', 'CANCELLED', 'RELEASED', 'NEVER_BEGAN'),
  retryable: fc.boolean(),
  delayed: fc.boolean(),
});

/** The weights keep stories going: more begins and retries than cancels, since what is final goes nowhere by itself. */
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: kind('claim'), runner, by }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: kind('execute'), runner, by, allowRetry: fc.boolean(), force: fc.boolean() }),
  },
  { weight: 9, arbitrary: fc.record({ kind: kind('begin'), driver }) },
  { weight: 5, arbitrary: fc.record({ kind: kind('beat'), driver, progress: fc.boolean() }) },
  { weight: 14, arbitrary: finish },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('submitted' as const, 'plan', 'report'), ticket }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('renew' as const, 'drop'), by }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: kind('pass'), what: fc.constantFrom('due' as const, 'expiry', 'check', 'A', 'B') }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constantFrom('takeLapsed' as const, 'dropDeadLeases', 'takeChecks', 'promote', 'expire'),
    }),
  },
  { weight: 10, arbitrary: fc.record({ kind: kind('retry') }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('cancel') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('purge') }) },
);

/** A wish and all that happens after it, in any order. */
export const anyStory = (length: number): fc.Arbitrary<[Enqueued, Event[]]> =>
  fc.tuple(
    fc.record({ maxAttempts: fc.integer({ min: 1, max: 3 }), delayed: fc.boolean(), expires: fc.boolean() }),
    fc.array(anyEvent, { maxLength: length, size: 'max' }),
  );

const first: Driver = { back: 0, which: 'one' };
const claimOf = (runner: RunnerOfLife): Event => ({ kind: 'claim', runner, by: 'A' });
const finishWith = (ending: Ending, retryable = false): Event => ({
  kind: 'finish',
  fence: { ticket: 0 },
  ending,
  retryable,
  delayed: false,
});
const again: Event = { kind: 'retry' };
const cancel: Event = { kind: 'cancel' };

/** One story that makes every move of the table, so that no test of stories rests on luck alone. */
export const grandTour: [Enqueued, Event[]] = [
  { maxAttempts: 2, delayed: false, expires: true },
  [
    ...[claimOf('inline'), finishWith('FAILED', true), claimOf('inline'), finishWith('FAILED', true), again],
    ...[{ kind: 'pass', what: 'expiry' } as const, { kind: 'expire' } as const, again, cancel, again],
    ...[claimOf('ray_job'), cancel, again, claimOf('ray_job'), { kind: 'begin', driver: first } as const, cancel],
    ...[
      { kind: 'finish', fence: { driver: first }, ending: 'SUCCEEDED', retryable: false, delayed: false } as const,
      again,
    ],
    ...[claimOf('inline'), finishWith('LOST'), again, claimOf('inline'), finishWith('SUCCEEDED')],
  ],
];
