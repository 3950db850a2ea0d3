import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isFinal, mayMove, type State, states } from '../../../src/core/execution.ts';
import type { Db } from '../../../src/db/db.ts';
import { openCapacity } from '../../../src/db/executions/claim.ts';
import { anyStory, type Event, grandTour } from '../../core/life/events.ts';
import { born, type Enqueued, nonceOf } from '../../core/life/life.ts';
import { step } from '../../core/life/step.ts';
import { enqueueOne, useDb } from '../support.ts';
import { lookAt, type Sight } from './sight.ts';
import { cluster, hour, named, perform } from './statements.ts';

const { db } = useDb();

/** The moves that the statements have made, over all stories. */
const seen = new Set<string>();

/** Tells a story to the statements and on paper, and compares both after every event. */
async function tell(database: Db, wish: Enqueued, events: readonly Event[]): Promise<void> {
  await openCapacity(database, cluster.runner, cluster.cluster);
  const { maxAttempts, delayed, expires } = wish;
  const times = { delaySeconds: delayed ? hour : null, queueTimeoutSeconds: expires ? hour : null };
  const id = await enqueueOne(database, { form: 'both', maxAttempts, ...times });
  const nonces = new Map<string, string>();
  let world = born(wish);
  for (const event of events) {
    const { life } = world;
    if (life === null) break;
    if (event.kind === 'begin') nonces.set(named(id, nonceOf(life, event.driver)), nonceOf(life, event.driver));
    const answer = await perform(database, { id, life, tickets: world.tickets }, event);
    const [next, expected] = step(world, event);
    expect(answer, event.kind).toEqual(expected);
    expect(await lookAt(database, id, nonces), event.kind).toEqual({
      life: next.life,
      tallied: talliedBy(next.life?.state),
    } satisfies Sight);
    seen.add(`${life.state} ${next.life?.state}`);
    world = next;
  }
}

const talliedBy = (state: State | undefined): Sight['tallied'] => (state && isFinal(state) ? { [state]: 1 } : {});

/** The tables as a test finds them; deleting is quicker than truncating. */
const empty = (database: Db) =>
  database.execute(sql`with a as (delete from mobula.executions), b as (delete from mobula.inputs),
    c as (delete from mobula.attempts), d as (delete from mobula.invocations), e as (delete from mobula.final_tallies)
    update mobula.capacity set running = 0`);

test('any events in any order: the statements do to the row what the life on paper says, and answer so', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory(60), ([wish, events]) => tell(db(), wish, events)).beforeEach(() => empty(db())),
    { numRuns: 100, examples: [[grandTour]], interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false },
  );
}, 60_000);

test('and among them were all the moves there are', () => {
  const table = states.flatMap((from) => states.filter((to) => mayMove(from, to)).map((to) => `${from} ${to}`));
  expect(table.filter((move) => !seen.has(move))).toEqual([]);
});
