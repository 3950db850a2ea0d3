import type { Section } from '../section.ts';
import { grouped } from './race.ts';
import type { Entrant, Stage } from './stage.ts';

/** What a drain of Mobula asks of the database, and a piece of text by which each is known; the first that fits counts. */
const kinds = {
  'look for work': 'with recursive lane',
  'claim behind the last one': 'h.priority >',
  'claim from the head': 'with gate',
  'write outcomes': 'with f as materialized',
  others: '',
} as const;

type Kind = keyof typeof kinds;

/** Of a drain: how often each kind of statement was asked, and how long all of them took inside Postgres. */
export interface Profile {
  readonly drainMs: number;
  readonly statements: ReadonlyMap<Kind, { readonly calls: number; readonly ms: number }>;
}

/** One drain of so many, statement by statement, with no vacuum of its own accord beside it. */
export async function profileDrain(stage: Stage, mobula: Entrant, count: number): Promise<Profile> {
  await mobula.ask('create extension if not exists pg_stat_statements');
  await stage.countStatements(true);
  await mobula.fill(count, 2);
  await mobula.ask('vacuum analyze');
  await stage.checkpoint();
  await mobula.ask('select pg_stat_statements_reset()');
  const drainMs = await mobula.drain(count, 500);
  const rows = await mobula.ask<{ query: string; calls: string; ms: number }>(`
    select query, calls, total_exec_time as ms from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database()) and query not like '%pg_stat%'`);
  await stage.countStatements(false);
  const statements = new Map<Kind, { calls: number; ms: number }>();
  for (const { query, calls, ms } of rows) {
    const { calls: before, ms: msBefore } = statements.get(kindOf(query)) ?? { calls: 0, ms: 0 };
    statements.set(kindOf(query), { calls: before + Number(calls), ms: msBefore + ms });
  }
  return { drainMs, statements };
}

const names = Object.keys(kinds) as Kind[];

const kindOf = (query: string): Kind => names.find((name) => query.includes(kinds[name])) ?? 'others';

/** Two drains of as many beside each other. */
export function compareProfiles(free: Profile, held: Profile, count: number): Section {
  return {
    title: "Churn under a held snapshot: where Mobula's time goes",
    notes: [
      `One more drain of ${grouped(count)} each, counted by pg_stat_statements, autovacuum off: how often two calls of \`POST /run\` at once asked
what, and milliseconds inside Postgres. On two cores, what is added in the two sessions takes half of it on the clock.`,
    ],
    columns: ['statement', 'calls', 'ms each', 'ms', 'calls, held', 'ms each, held', 'ms, held', 'more'],
    rows: [
      ...names.map((name) => {
        const [one, other] = [free, held].map(({ statements }) => statements.get(name) ?? { calls: 0, ms: 0 });
        return [name, ...cells(one), ...cells(other), ((other?.ms ?? 0) - (one?.ms ?? 0)).toFixed(0)];
      }),
      [
        'the drain, by the clock',
        '',
        '',
        free.drainMs.toFixed(0),
        '',
        '',
        held.drainMs.toFixed(0),
        (held.drainMs - free.drainMs).toFixed(0),
      ],
    ],
  };
}

const cells = ({ calls, ms }: { calls: number; ms: number } = { calls: 0, ms: 0 }): string[] => [
  String(calls),
  calls === 0 ? '–' : (ms / calls).toFixed(1),
  ms.toFixed(0),
];
