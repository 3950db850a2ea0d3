import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isFinal, mayMove, rankOf, type State, states } from '../../../src/core/execution.ts';
import { anyStory, type Event, grandTour } from './events.ts';
import { born, isInFlight, type Life, type World } from './life.ts';
import { step } from './step.ts';

interface Moment {
  readonly event: Event;
  readonly before: Life;
  readonly after: Life;
  readonly world: World;
}

/** Tells stories of any events in any order; each moment of each has to hold. */
function always(holds: (moment: Moment) => boolean): void {
  fc.assert(
    fc.property(anyStory(60), ([wish, events]) => {
      let world = born(wish);
      return events.every((event) => {
        const [next] = step(world, event);
        const isFine = !world.life || !next.life || holds({ event, before: world.life, after: next.life, world });
        world = next;
        return isFine;
      });
    }),
    { numRuns: 5_000, examples: [[grandTour]] },
  );
}

/** A claim with `allow_retry` is an explicit retry and a claim in one. */
const isRetry = (event: Event): boolean => event.kind === 'retry' || (event.kind === 'execute' && event.allowRetry);

const mayMoveBy = (event: Event, from: State, to: State): boolean =>
  mayMove(from, to) || (isRetry(event) && mayMove(from, 'QUEUED') && mayMove('QUEUED', to));

describe('whatever happens to an execution, in whatever order', () => {
  test('it moves as the table says, and no other way', () => {
    always(({ event, before, after }) => before.state === after.state || mayMoveBy(event, before.state, after.state));
  });

  test('every move of the table is reached, so that nothing here holds for want of trying', () => {
    const seen = new Set<string>();
    always(({ before, after }) => seen.add(`${before.state} ${after.state}`).size > 0);
    const table = states.flatMap((from) => states.filter((to) => mayMove(from, to)).map((to) => `${from} ${to}`));
    expect(table.filter((move) => !seen.has(move))).toEqual([]);
  });

  test('(attempt, rank) never decreases but where a wait ends without an attempt', () => {
    always(({ before, after }) => {
      if (after.attempt !== before.attempt) return after.attempt === before.attempt + 1;
      const isWaitOver = before.state === 'QUEUED' && (after.state === 'CANCELLED' || after.state === 'EXPIRED');
      return isWaitOver || rankOf(after.state) >= rankOf(before.state);
    });
  });

  test('a change that an observer can see raises the version, which never falls', () => {
    const visible = ({ state, attempt, maxAttempts }: Life) => `${state} ${attempt} ${maxAttempts}`;
    always(({ before, after }) => after.version >= before.version + (visible(before) === visible(after) ? 0 : 1));
  });

  test('a final state changes only by an explicit retry, and success never', () => {
    always(({ event, before, after }) => {
      if (!isFinal(before.state) || before.state === after.state) return true;
      return isRetry(event) && before.state !== 'SUCCEEDED';
    });
  });

  test('what waits has an attempt left, and no attempt is beyond the maximum', () => {
    always(({ after }) => after.attempt + (after.state === 'QUEUED' ? 1 : 0) <= after.maxAttempts);
  });

  test('every attempt ends once: history has each number, and the cluster its place back', () => {
    always(({ after }) => {
      const current = isInFlight(after) ? 1 : 0;
      const places = after.runner === 'ray_job' ? current : 0;
      return after.ended.length === after.attempt - current && after.running === places;
    });
  });
});

describe('the fences', () => {
  test('one driver of an attempt begins, and only while that attempt is current', () => {
    always(({ event, before, after }) => {
      if (event.kind !== 'begin' || before.nonce === after.nonce) return true;
      return before.nonce === null && before.state === 'RUNNING' && event.driver.back === 0;
    });
  });

  test('a driver that never began, or whose attempt is over, changes nothing', () => {
    always(({ event, before, after }) => {
      const fence = event.kind === 'finish' ? event.fence : event;
      if (event.kind === 'begin' || !('driver' in fence)) return true;
      const { back, which } = fence.driver;
      const isStale = back > 0 || !before.nonce?.endsWith(which) || !isInFlight(before);
      return !isStale || after === before;
    });
  });

  test('an invocation whose ticket is of another epoch changes nothing', () => {
    always(({ event, before, after, world }) => {
      const fence = event.kind === 'finish' ? event.fence : event;
      if (!('ticket' in fence)) return true;
      return world.tickets.at(-1 - fence.ticket)?.epoch === before.epoch || after === before;
    });
  });

  test('a verdict that was reached before its driver began is refused: begin makes every ticket stale', () => {
    always(({ event, before, after, world }) => {
      if (event.kind !== 'begin' || before.nonce === after.nonce) return true;
      return world.tickets.every(({ epoch }) => epoch < after.epoch);
    });
  });
});
