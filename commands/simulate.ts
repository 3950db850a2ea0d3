import { parseArgs } from 'node:util';
import { startPostgres } from '../infra/local/postgres.ts';
import { migrate } from '../src/db/migrate.ts';
import { openDatabase } from '../test/simulation/database/database.ts';
import { mutations } from '../test/simulation/mutations/mutations.ts';
import { tryMutation } from '../test/simulation/mutations/try-mutation.ts';
import { simulate } from '../test/simulation/simulate.ts';
import { addHits, missed, noHits, windowTable } from '../test/simulation/windows/windows.ts';

// `npm run simulate -- --seeds 5000 --from 1`: that many runs of the deterministic simulation. `SEED=… npm run simulate`
// replays one and tells all of it. `-- --mutations` breaks the product in every way we know, and says which run tells.

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    mutations: { type: 'boolean', default: false },
    mutation: { type: 'string' },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const postgres = await startPostgres();
await migrate(postgres.url());
const database = await openDatabase(postgres.url());
try {
  const isFine = values.mutations ? await breakEverything() : await runSeeds();
  process.exitCode = isFine ? 0 : 1;
} finally {
  await database.close();
  await postgres.stop();
}

async function runSeeds(): Promise<boolean> {
  const replayed = process.env['SEED'];
  const from = Number(replayed ?? values.from);
  const count = replayed === undefined ? Number(values.seeds) : 1;
  const mutation = mutations.find(({ name }) => name === values.mutation) ?? null;
  const counts = noHits();
  const startedAt = performance.now();
  let failed = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const run = await simulate({ database, seed, mutation });
    addHits(counts, run.hits);
    if (replayed !== undefined) say(run.trace.join('\n'));
    if (run.breaches.length === 0) continue;
    failed += 1;
    say(`SEED=${seed} npm run simulate\n${run.breaches.map((breach) => `  ${breach}`).join('\n')}`);
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(
    `${windowTable(counts)}\n${count} runs in ${seconds} s, ${failed} failed; too seldom: ${missed(counts).join(' ') || 'none'}`,
  );
  return failed === 0;
}

async function breakEverything(): Promise<boolean> {
  let survived = 0;
  for (const mutation of mutations) {
    const { seed, breach } = await tryMutation(database, mutation, Number(values.seeds));
    if (seed === null) survived += 1;
    say(
      `${mutation.name.padEnd(50)} ${seed === null ? 'NOT CAUGHT' : `seed ${String(seed).padEnd(5)} ${breach.slice(0, 120)}`}`,
    );
  }
  return survived === 0;
}
