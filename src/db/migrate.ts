import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { MobulaError } from '../core/errors.ts';
import { latestMigration, type Migration, migrations } from './migrations.ts';

/** Any constant will do, as long as no other program in the same database locks it. */
const lockId = 7_274_518_203;

/**
 * Brings a database up to date and answers the tags it applied; empty where it was already. Everything happens in one
 * transaction behind one advisory lock, so that any number of callers may do it at once and a failure leaves nothing.
 * A schema newer than this code is refused.
 */
export async function migrate(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [lockId]);
    const applied = await applyMissing(client);
    await client.query('commit');
    return applied;
  } finally {
    await client.end();
  }
}

async function applyMissing(client: Client): Promise<string[]> {
  const current = await appliedUntil(client);
  if (current > latestMigration) {
    throw new MobulaError('misconfigured', 'The database has a newer schema than this version of Mobula knows.');
  }
  const missing = migrations.filter(({ when }) => when > current);
  for (const migration of missing) await apply(client, migration);
  return missing.map(({ tag }) => tag);
}

async function appliedUntil(client: Client): Promise<number> {
  await client.query('create schema if not exists mobula');
  await client.query('create table if not exists mobula.migrations (tag text primary key, created_at bigint not null)');
  const { rows } = await client.query('select coalesce(max(created_at), 0) as current from mobula.migrations');
  return Number(rows[0].current);
}

async function apply(client: Client, { tag, when }: Migration): Promise<void> {
  const file = await readFile(new URL(`../../drizzle/${tag}.sql`, import.meta.url), 'utf8');
  for (const statement of file.split('--> statement-breakpoint')) await client.query(statement);
  await client.query('insert into mobula.migrations (tag, created_at) values ($1, $2)', [tag, when]);
}
