import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { median } from '../rounds.ts';
import type { Section } from '../section.ts';
import { compareProfiles, profileDrain } from './profile.ts';
import { grouped, yesOrNo } from './race.ts';
import { consumers, type Entrant, type Stage } from './stage.ts';

const goal = 0.5;
/** Executions that come and go each second of a churn. */
const perSecond = 1_000;
/** Drains after it, of which the median counts. */
const drains = 5;

export interface ChurnPlan {
  /** Before it is looked what is left behind. */
  readonly seconds: number;
  /** While a snapshot is held. */
  readonly heldSeconds: number;
  /** Drained at once afterwards. */
  readonly count: number;
}

/** What steady work leaves behind, and what a snapshot that is held open meanwhile costs. */
export async function measureChurn(stage: Stage, plan: ChurnPlan): Promise<Section[]> {
  const entrants = stage.among(consumers);
  const [mobula] = stage.among(['mobula']) as [Entrant];
  for (const { clear, ask } of entrants) {
    await clear();
    await ask('vacuum analyze');
  }
  await churn(entrants, plan.seconds);
  const leftovers: string[][] = [];
  for (const entrant of entrants) leftovers.push(await leftoversOf(entrant));
  const free = await drainEach(stage, entrants, plan.count);
  const freeProfile = await profileDrain(stage, mobula, plan.count);
  const release = await holdSnapshots(entrants);
  await churn(entrants, plan.heldSeconds);
  const held = await drainEach(stage, entrants, plan.count);
  const heldProfile = await profileDrain(stage, mobula, plan.count);
  await release();
  const executions = grouped(plan.seconds * perSecond);
  return [
    {
      title: 'Churn: what is left behind',
      notes: [
        `After ${plan.seconds} s in which ${perSecond} tasks a second were enqueued and drained, once a second, by all at the same time; autovacuum by
Postgres's defaults and what each sets for its tables. Of all tables of a contestant; Mobula, pg-boss and raw SQL keep a row of what ran.`,
      ],
      columns: ['contestant', 'executions', 'live rows', 'dead rows', 'tables MB', 'indexes MB'],
      rows: entrants.map(({ name }, index) => [name, executions, ...(leftovers[index] ?? [])]),
    },
    {
      title: 'Churn under a held snapshot',
      notes: [
        `A drain of ${grouped(plan.count)} after such a churn; then the same after another one of ${plan.heldSeconds} s, with a transaction open since before it
whose snapshot forbids vacuum to remove anything. Tasks a second, the median of ${drains} drains.`,
      ],
      columns: ['contestant', 'undisturbed', 'held', 'ratio', `≥ ${goal}`],
      rows: entrants.map(({ name }, index) => {
        const [before = Number.NaN, after = Number.NaN] = [free[index], held[index]];
        const ratio = after / before;
        return [name, grouped(before), grouped(after), ratio.toFixed(2), yesOrNo(ratio >= goal)];
      }),
    },
    compareProfiles(freeProfile, heldProfile, plan.count),
  ];
}

/** All at once: this is not what is timed. */
async function churn(entrants: readonly Entrant[], seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  await Promise.all(
    entrants.map(async (entrant) => {
      for (let due = performance.now() + 1_000; due <= until; due += 1_000) {
        await entrant.fill(perSecond, 2);
        await entrant.drain(perSecond, 500);
        await sleep(Math.max(0, due - performance.now()));
      }
    }),
  );
}

async function drainEach(stage: Stage, entrants: readonly Entrant[], count: number): Promise<number[]> {
  const rates = entrants.map((): number[] => []);
  for (let n = 0; n < drains; n += 1) {
    for (const [index, entrant] of entrants.entries()) {
      await entrant.fill(count, 2);
      await entrant.ask('vacuum analyze');
      await stage.checkpoint();
      rates[index]?.push((count / (await entrant.drain(count, 500))) * 1_000);
    }
  }
  return rates.map(median);
}

/** A snapshot in each database: vacuum heeds those of its own. Answers what lets them go. */
async function holdSnapshots(entrants: readonly Entrant[]): Promise<() => Promise<void>> {
  const holders = entrants.map(({ url }) => new Client({ connectionString: url }));
  for (const holder of holders) {
    await holder.connect();
    await holder.query('begin isolation level repeatable read');
    await holder.query('select count(*) from pg_class');
  }
  return async () => {
    for (const holder of holders) await holder.end();
  };
}

async function leftoversOf({ ask }: Entrant): Promise<string[]> {
  await sleep(1_100); // Sessions tell what they did once a second.
  const [sum] = await ask<Record<'live' | 'dead' | 'tables' | 'indexes', string>>(`
    select sum(n_live_tup) as live, sum(n_dead_tup) as dead, sum(pg_table_size(relid)) as tables,
      sum(pg_indexes_size(relid)) as indexes from pg_stat_user_tables`);
  const megabytes = (bytes: string | undefined) => (Number(bytes) / 1e6).toFixed(1);
  return [grouped(Number(sum?.live)), grouped(Number(sum?.dead)), megabytes(sum?.tables), megabytes(sum?.indexes)];
}
