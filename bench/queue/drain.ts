import type { Section } from '../section.ts';
import { grouped, race, rateColumns, rateRows, type Yardsticks } from './race.ts';
import { consumers, type Stage } from './stage.ts';

const yardsticks: Yardsticks = {
  ceiling: 'raw SQL',
  ours: 'mobula',
  goals: { 'raw SQL': 0.79, 'graphile-worker': 1.2, 'pg-boss': 1.5 },
};

/** How many tasks a second are taken, run and recorded. */
export async function measureDrain(
  stage: Stage,
  { count, rounds }: { count: number; rounds: number },
): Promise<Section> {
  const drainers = stage.among(consumers);
  const found = await race(drainers, rounds, async (entrant) => {
    await entrant.clear();
    await stage.checkpoint();
    await entrant.fill(count, 2);
    await entrant.ask('vacuum analyze');
    return (count / (await entrant.drain(count, entrant.name === 'pg-boss' ? 1_000 : 500))) * 1_000;
  });
  return {
    title: 'Drain: no-op tasks a second',
    notes: [
      `${grouped(count)} due tasks that do nothing, until every outcome is committed; ${rounds} rounds in turns, each on fresh tables, vacuumed
and analyzed. One process consumes for each. Mobula: two calls of \`POST /run\` at once to \`npm run serve\`, with
MOBULA_DEFAULT_CONCURRENCY 500. graphile-worker: as its page on performance says, \`localQueue\` 500, completions together
(delay 0), 24 jobs at once over 25 connections. pg-boss: \`fetch\` and \`complete\` by 1,000 in two loops. Raw SQL: claim and
finish 500 by prepared updates in two loops. graphile-worker deletes what ran, the others keep a row of it.`,
      'A ratio is the median of the ratios in each round.',
    ],
    columns: rateColumns(yardsticks),
    rows: rateRows(found, yardsticks),
  };
}
