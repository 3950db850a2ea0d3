import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../infra/local/postgres.ts';
import { type StartedContestant, startContestant } from './start-contestant.ts';

/**
 * Nothing is lost with the power, as in production; checkpoints come when the bench says. Pages are where reading one costs
 * what reading the next does, and the planner is told: else it has graphile-worker read its whole table for each batch.
 */
export const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  random_page_cost: '1.1',
  shared_preload_libraries: 'pg_stat_statements',
};

/** Each by its name in the tables, with its program. */
export const programs = {
  mobula: 'contestants/mobula.ts',
  'mobula, HTTP': 'contestants/mobula-over-http.ts',
  'graphile-worker': '../peers/graphile-worker.ts',
  'pg-boss': '../peers/pg-boss.ts',
  'raw SQL': 'contestants/raw.ts',
  'raw SQL, same tables': 'contestants/raw-into-mobula.ts',
} as const;

export type Name = keyof typeof programs;

/** Those that run what they have; the others only enqueue. */
export const consumers = ['mobula', 'graphile-worker', 'pg-boss', 'raw SQL'] as const satisfies readonly Name[];

/** A contestant with its database. */
export interface Entrant extends StartedContestant {
  readonly name: Name;
  readonly url: string;
  /** Asks its database as its superuser. */
  ask<Row = Record<string, unknown>>(statement: string): Promise<Row[]>;
}

/** One Postgres, and the contestants over it, each with a database and a process of its own. */
export interface Stage extends AsyncDisposable {
  readonly entrants: readonly Entrant[];
  /** Postgres's first process. */
  readonly postgresPid: number;
  /** Those of the named that have entered. */
  among(names: readonly Name[]): readonly Entrant[];
  /** Writes out what others have left in memory, so that nobody pays for it later. */
  checkpoint(): Promise<void>;
  /** Counts every statement, and leaves nothing to vacuums of its own accord; or neither, which is how it begins. */
  countStatements(isOn: boolean): Promise<void>;
}

/** Starts the named ones. All that it starts ends with us, or when it is disposed of. */
export async function openStage(names: readonly Name[]): Promise<Stage> {
  const postgres = await startPostgres({ settings });
  const entrants: Entrant[] = [];
  const admin = await connect(postgres.url());
  const close = async () => {
    await Promise.all(entrants.map((each) => each.stop()));
    await admin.end();
    await postgres.stop();
  };
  const countStatements = async (isOn: boolean) => {
    await admin.query(`alter system set pg_stat_statements.track = ${isOn ? 'top' : 'none'}`);
    await admin.query(`alter system set autovacuum = ${isOn ? 'off' : 'on'}`);
    await admin.query('select pg_reload_conf()');
  };
  try {
    await countStatements(false);
    for (const [index, name] of names.entries()) {
      await admin.query(`create database contestant_${index}`);
      entrants.push(await enter(name, postgres.url(`contestant_${index}`)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    entrants,
    postgresPid: postgres.pid,
    among: (names) => entrants.filter(({ name }) => names.includes(name)),
    checkpoint: async () => void (await admin.query('checkpoint')),
    countStatements,
    [Symbol.asyncDispose]: close,
  };
}

async function enter(name: Name, url: string): Promise<Entrant> {
  const contestant = await startContestant(join(import.meta.dirname, programs[name]), url);
  const client = await connect(url);
  return {
    ...contestant,
    name,
    url,
    ask: async (statement) => (await client.query(statement)).rows,
    async stop() {
      await contestant.stop();
      await client.end();
    },
  };
}

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  await client.connect();
  return client;
}
