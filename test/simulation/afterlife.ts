import type { Engine } from '../../src/engine/engine.ts';
import { purge } from '../../src/engine/purge.ts';
import { run } from '../../src/engine/run.ts';
import { isTerminal } from '../support/fake-ray/job-book.ts';
import type { SimulatedDatabase } from './database/database.ts';
import { lineOf } from './ray/job-line.ts';
import type { World } from './world.ts';

const daySeconds = 86_400;
/** A record that could not be deleted is tried again after five minutes. */
const recordSeconds = 400;
const recordRuns = 3;

/** I12: two days later what crashes left behind is gone, and once everything is purged nothing is left at all. */
export async function findLeftovers(world: World, database: SimulatedDatabase): Promise<string[]> {
  await later(world, 2 * daySeconds, 'purge', (engine) => purge(engine, { ...purgeOptions, days: 36_500 }));
  for (let time = 0; time < recordRuns; time += 1) {
    await later(world, recordSeconds, 'run', (engine) => run(engine, { queues: null, maxTasks: 0, seconds: 20 }));
  }
  const kept = await readLeft(database);
  const problems = [...strayObjects(world, kept), ...strayRecords(world, kept)];
  await later(world, 1, 'purge', (engine) => purge(engine, { ...purgeOptions, days: 0 }));
  const left = await readLeft(database);
  const counts = { ...left.counts, objects: world.store.objects.size };
  return [
    ...problems,
    ...Object.entries(counts).flatMap(([of, count]) => (count === 0 ? [] : [`${count} ${of} left`])),
  ];
}

const purgeOptions = { batchSize: 1_000, dryRun: false, seconds: 60 };

/** Lets time pass, and then a call be made and answered. */
async function later<T>(
  world: World,
  seconds: number,
  verb: string,
  work: (engine: Engine) => Promise<T>,
): Promise<void> {
  let isAnswered = false;
  world.app.serve({ verb, about: null, afterMs: seconds * 1_000 }, work, () => {
    isAnswered = true;
  });
  await world.scheduler.run(() => isAnswered);
}

interface Left {
  readonly ids: readonly string[];
  /** Of objects that a success refers to. */
  readonly references: readonly string[];
  readonly registered: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

async function readLeft({ watcher }: SimulatedDatabase): Promise<Left> {
  const { rows } = await watcher.query<Left>({
    name: 'left',
    text: `select
      (select coalesce(json_agg(id), '[]') from mobula.executions) as ids,
      (select coalesce(json_agg(distinct result_reference), '[]') from mobula.attempts where result_state = 'stored') as references,
      (select coalesce(json_agg(reference), '[]') from mobula.result_objects) as registered,
      json_build_object(
        'executions', (select count(*) from mobula.executions),
        'inputs', (select count(*) from mobula.inputs),
        'attempts', (select count(*) from mobula.attempts),
        'registered objects', (select count(*) from mobula.result_objects),
        'counts of final states', (select count(*) from
          (select 1 from mobula.final_tallies group by state having sum(count) <> 0) t)) as counts`,
  });
  return rows[0]!;
}

/** The store, the register and the successes must name the same objects. */
function strayObjects({ store }: World, { references, registered }: Left): string[] {
  const wanted = new Set(references);
  return [
    ...[...store.objects.keys()]
      .filter((name) => !wanted.has(name))
      .map((name) => `an object nobody refers to: ${name}`),
    ...registered.filter((name) => !wanted.has(name)).map((name) => `registered, and nobody refers to it: ${name}`),
    ...references.filter((name) => !store.objects.has(name)).map((name) => `referred to, and not there: ${name}`),
    ...references
      .filter((name) => !registered.includes(name))
      .map((name) => `referred to, and not registered: ${name}`),
  ];
}

/** Ray keeps the record of a job that is over until somebody deletes it; those of purged executions had one chance. */
function strayRecords({ ray }: World, { ids }: Left): string[] {
  return [...ray.book.jobs.values()]
    .filter((job) => isTerminal(job) && lineOf(job.body).some(({ id }) => ids.includes(id)))
    .map((job) => `Ray still has the record of ${job.body.submission_id}`);
}
