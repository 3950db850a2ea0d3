import { median, quantile } from '../rounds.ts';
import type { Section } from '../section.ts';
import { consumers, type Stage } from './stage.ts';

/** How long a task waits for its first line to run, in an idle system. */
export async function measurePickup(stage: Stage, { count }: { count: number }): Promise<Section> {
  const found: { name: string; times: number[] }[] = [];
  for (const entrant of stage.among([...consumers, 'mobula, HTTP'])) {
    await entrant.clear();
    await entrant.pickUp(5);
    found.push({ name: entrant.name, times: await entrant.pickUp(count) });
  }
  const floor = median(found.find(({ name }) => name === 'raw SQL')?.times ?? []);
  return {
    title: 'Pickup: from the enqueue to the first line of the task',
    notes: [
      `${count} tasks, one after the other, into an idle system; milliseconds from the call that enqueues. Mobula: enqueued by the
library and by \`POST /tasks\`, and \`POST /run\` called right after, as a webhook would. graphile-worker and pg-boss: by LISTEN and
NOTIFY to a worker in the process that enqueues. Raw SQL: an insert and a claim.`,
    ],
    columns: ['contestant', 'p50 ms', 'p95 ms', 'by raw SQL'],
    rows: found.map(({ name, times }) => [
      name,
      median(times).toFixed(1),
      quantile(times, 0.95).toFixed(1),
      (median(times) / floor).toFixed(1),
    ]),
  };
}
