import { setTimeout as sleep } from 'node:timers/promises';
import type { Section } from '../section.ts';
import { processorMs } from './processor-time.ts';
import { grouped } from './race.ts';
import { consumers, type Entrant, type Stage } from './stage.ts';

const goal = 0.1;

/** What the database has to do for one execution, from its claim to its outcome. */
export async function measureCost(stage: Stage, { count }: { count: number }): Promise<Section> {
  const drainers = stage.among(consumers);
  await stage.countStatements(true);
  const rows: string[][] = [];
  for (const entrant of drainers) {
    await entrant.ask('create extension pg_stat_statements');
    for (const batch of [100, 500]) rows.push(await costOf(stage, entrant, { count, batch, bytes: 2 }));
    rows.push(await costOf(stage, entrant, { count, batch: 500, bytes: 1_800 }));
  }
  await stage.countStatements(false);
  return {
    title: 'Cost of an execution: statements, log and processor',
    notes: [
      `Of a drain of ${grouped(count)}, counted by pg_stat_statements and by the place in the log (WAL), autovacuum off; there is no checkpoint
between the fill and the end, so that no whole pages are in the log. The goal is ${goal} statements at batches of 100. Microseconds
of processor time in the contestant's processes and in all of Postgres's, which other programs hardly disturb.`,
    ],
    columns: ['contestant', 'batch', 'input', 'statements', 'WAL bytes', 'Node µs', 'Postgres µs'],
    rows,
  };
}

interface Case {
  readonly count: number;
  readonly batch: number;
  readonly bytes: number;
}

async function costOf(stage: Stage, entrant: Entrant, { count, batch, bytes }: Case): Promise<string[]> {
  const { name, ask } = entrant;
  await entrant.clear();
  await stage.checkpoint();
  await entrant.fill(count, bytes);
  await ask('vacuum analyze');
  await ask('select pg_stat_statements_reset()');
  const [from] = await ask<{ place: string }>('select pg_current_wal_insert_lsn()::text as place');
  const processes = [entrant.pid, stage.postgresPid];
  const before = processes.map(processorMs);
  await entrant.drain(count, batch);
  await sleep(200); // Sessions that are ending are nobody's for a moment.
  const used = processes.map((pid, index) => processorMs(pid) - (before[index] ?? 0));
  const [spent] = await ask<{ wal: string; statements: string }>(`
    select pg_current_wal_insert_lsn() - '${from?.place}'::pg_lsn as wal, (select sum(calls) from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database())) as statements`);
  return [
    name,
    String(batch),
    bytes < 1_000 ? `${bytes} B` : `${bytes / 1_000} KB`,
    (Number(spent?.statements) / count).toFixed(4),
    grouped(Number(spent?.wal) / count),
    ...used.map((ms) => ((ms * 1_000) / count).toFixed(0)),
  ];
}
