import type { Section } from '../section.ts';
import { sizes } from './contestant.ts';
import { grouped, type Race, race, rateColumns, rateRows, type Yardsticks } from './race.ts';
import type { Stage } from './stage.ts';

const yardsticks = (goalOfGraphile: number): Yardsticks => ({
  ceiling: 'raw SQL, same tables',
  ours: 'mobula',
  goals: { 'raw SQL, same tables': 0.7, 'graphile-worker': goalOfGraphile },
});

export interface EnqueuePlan {
  readonly many: number;
  readonly one: number;
  readonly rounds: number;
}

/** How many tasks a second are stored: a thousand in a call, and one in a call. */
export async function measureEnqueue(stage: Stage, { many, one, rounds }: EnqueuePlan): Promise<Section[]> {
  const rates = (verb: 'enqueueMany' | 'enqueueOne', count: number): Promise<Race> =>
    race(stage.entrants, rounds, async (entrant) => {
      await entrant.clear();
      await stage.checkpoint();
      return (count / (await entrant[verb](count))) * 1_000;
    });
  const section = (title: string, note: string, found: Race, sticks: Yardsticks): Section => ({
    title,
    notes: [note],
    columns: rateColumns(sticks),
    rows: rateRows(found, sticks),
  });
  return [
    section(
      'Enqueue many: tasks a second',
      `${grouped(many)} tasks, ${grouped(sizes.batch)} in a call, ${sizes.loops} calls at once; ${rounds} rounds in turns, from empty tables. Mobula by \`enqueueMany\` of the library, and
by \`POST /tasks/batch\`; graphile-worker by \`addJobs\`, pg-boss by \`insert\`. Raw SQL: one prepared insert from unnest into a narrow
table with one index; and into Mobula's own two tables, which is the most that an enqueue of Mobula could reach.`,
      await rates('enqueueMany', many),
      yardsticks(2),
    ),
    section(
      'Enqueue one: tasks a second',
      `${grouped(one)} tasks, one in a call, ${sizes.inFlight} calls at once; ${rounds} rounds in turns, from empty tables. Mobula by \`enqueue\` and by
\`POST /tasks\`, graphile-worker by \`addJob\`, pg-boss by \`send\`; pools of ${sizes.inFlight}, but 8 in Mobula's server, where no setting changes it.`,
      await rates('enqueueOne', one),
      yardsticks(3),
    ),
  ];
}
