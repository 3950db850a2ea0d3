import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cancel,
  claim,
  complete,
  end,
  isOver,
  type Job,
  look,
  newWorld,
  start,
  thaw,
  tick,
  type World,
} from './world.ts';

/** What can happen around an attempt; `job` counts back from the latest. */
type Event =
  | { readonly kind: 'claim' | 'look' | 'cancel' | 'ray' | 'app' | 'forget' }
  | { readonly kind: 'pass'; readonly seconds: number }
  | EventOfJob;

interface EventOfJob {
  readonly kind: 'start' | 'succeed' | 'fail' | 'kill' | 'freeze' | 'thaw';
  readonly job: number;
}

const job = fc.constantFrom(0, 0, 0, 1);
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), seconds: fc.constantFrom(5, 20, 40, 100, 250, 320) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim' as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('start' as const), job }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('ray' as const, 'app', 'forget') }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('succeed' as const, 'fail', 'kill', 'freeze', 'freeze', 'thaw'),
      job,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const) }) },
);

function happen(world: World, event: Event): void {
  if (event.kind === 'pass') for (let second = 0; second < event.seconds; second += 1) tick(world);
  else if (event.kind === 'claim') claim(world);
  else if (event.kind === 'look') look(world);
  else if (event.kind === 'cancel') cancel(world);
  else if (event.kind === 'ray') world.rayAnswers = !world.rayAnswers;
  else if (event.kind === 'app') world.appAnswers = !world.appAnswers;
  else if (event.kind === 'forget') for (const one of world.jobs) one.forgotten = true;
  else if ('job' in event && world.jobs.length > event.job) {
    happenTo(world, event.kind, world.jobs.at(-1 - event.job)!);
  }
}

function happenTo(world: World, kind: EventOfJob['kind'], one: Job): void {
  if (kind === 'start') start(world, one);
  else if (kind === 'kill') end(one);
  else if (kind === 'freeze') one.frozen = one.live;
  else if (kind === 'thaw') thaw(world, one);
  else complete(world, one, kind === 'succeed' ? 'SUCCEEDED' : 'FAILED');
}

const liveOf = ({ jobs }: World) => jobs.filter(({ live }) => live);

/** Tells stories, and after each event asks whether the world is as promised. */
function always(holds: (world: World) => boolean, after: (world: World) => boolean = () => true): void {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      fc.boolean(),
      fc.array(anyEvent, { maxLength: 50, size: 'max' }),
      (attempts, idempotent, shares, events) => {
        const world = newWorld(attempts, idempotent, false, shares);
        const isFine = events.every((event) => {
          happen(world, event);
          return holds(world);
        });
        return isFine && after(world);
      },
    ),
    { numRuns: 10_000 },
  );
}

describe('whatever happens to a driver, its cluster and the way between, in whatever order', () => {
  test('user code starts at most once for each attempt', () => {
    always(({ starts }) => [...starts.values()].every((count) => count === 1));
  });

  test('two attempts do not overlap, unless the elder is frozen where nobody can see it', () => {
    always((world) =>
      liveOf(world)
        .slice(0, -1)
        .every(({ frozen, unseen }) => unseen && frozen),
    );
  });

  test('a final state stays, whatever comes later', () => {
    const ends = new WeakMap<World, string>();
    always((world) => {
      if (!isOver(world)) return true;
      const end = ends.get(world) ?? world.state;
      ends.set(world, end);
      return world.state === end;
    });
  });

  test('when the trouble is over, it comes to an end', () => {
    always(() => true, recovers);
  });
});

/** A cron that looks and claims each minute, on a cluster that starts what it is given. */
function recovers(world: World): boolean {
  Object.assign(world, { rayAnswers: true, appAnswers: true });
  for (const one of world.jobs) thaw(world, one);
  for (let minute = 0; minute < 60 && !isOver(world); minute += 1) {
    look(world);
    claim(world);
    for (const one of world.jobs) {
      start(world, one);
      complete(world, one, 'SUCCEEDED');
    }
    for (let second = 0; second < 60; second += 1) tick(world);
  }
  return isOver(world);
}

function tell(world: World, ...events: readonly Event[]): void {
  for (const event of events) happen(world, event);
}

const liveAttempts = (world: World) => liveOf(world).map(({ attempt }) => attempt);

test('a driver that is frozen while its cluster cannot be asked may be overlapped, and ends itself when it thaws', () => {
  const world = newWorld(2, true);
  tell(world, { kind: 'claim' }, { kind: 'start', job: 0 }, { kind: 'freeze', job: 0 }, { kind: 'ray' });
  tell(world, { kind: 'pass', seconds: 320 }, { kind: 'look' }, { kind: 'ray' });
  tell(world, { kind: 'claim' }, { kind: 'start', job: 0 });
  expect(liveAttempts(world)).toEqual([1, 2]);
  tell(world, { kind: 'thaw', job: 1 });
  expect(liveAttempts(world)).toEqual([2]);
});

test('so may one that Ray took without our knowing and has forgotten: it is sent again, and that one’s end is taken for its own', () => {
  const world = newWorld(2, false, true);
  tell(world, { kind: 'claim' }, { kind: 'forget' }, { kind: 'look' });
  tell(world, { kind: 'start', job: 1 }, { kind: 'start', job: 0 }, { kind: 'app' }); // the second is refused, the first cut off
  tell(world, { kind: 'pass', seconds: 20 }, { kind: 'look' }, { kind: 'pass', seconds: 40 }, { kind: 'look' });
  tell(world, { kind: 'claim' }, { kind: 'app' }, { kind: 'start', job: 0 });
  expect(liveAttempts(world)).toEqual([1, 2]);
  tell(world, { kind: 'pass', seconds: 15 }); // its next beat tells it that it is over
  expect(liveAttempts(world)).toEqual([2]);
});
