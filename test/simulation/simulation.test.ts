import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { openDatabase, type SimulatedDatabase } from './database/database.ts';
import { simulate } from './simulate.ts';
import { addHits, leastHits, missed, noHits, windowTable } from './windows/windows.ts';

/** In so many runs every window is met often enough, on any machine: a run is the same everywhere. */
const leastRuns = 400;
/** A quick machine goes on for so long. */
const boxSeconds = 90;

const fresh = useDatabase();
let database: SimulatedDatabase;

beforeAll(async () => {
  database = await openDatabase(fresh.url());
});
afterAll(() => database.close());

test(`no promise is broken, whatever goes wrong: every window is met ${leastHits} times or more`, async () => {
  const hits = noHits();
  const endMs = performance.now() + boxSeconds * 1_000;
  let seed = 0;
  while (seed < leastRuns || performance.now() < endMs) {
    seed += 1;
    const run = await simulate({ database, seed });
    addHits(hits, run.hits);
    expect(run.breaches, `SEED=${seed} npm run simulate`).toEqual([]);
  }
  console.info(`${windowTable(hits)}\n${seed} runs`);
  expect(missed(hits)).toEqual([]);
}, 900_000);

test.each([1, 2, 3])(
  'seed %i is the same run every time, to the millisecond',
  async (seed) => {
    const first = await simulate({ database, seed });
    const again = await simulate({ database, seed });
    expect(again.trace).toEqual(first.trace);
    expect(again.hits).toEqual(first.hits);
  },
  60_000,
);
