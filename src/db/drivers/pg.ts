import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { Pool, type PoolClient } from 'pg';
import type { Db, Executor } from '../db.ts';
import { toOurError } from './driver-error.ts';

const dialect = new PgDialect();

/** Anything of node-postgres that takes a text and parameters: a pool, a client, a transaction's client. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** Runs our statements on a client of node-postgres. */
export const pgExecutor = (client: Queryable): Executor => ({
  async execute<Row extends object>(statement: SQL): Promise<Row[]> {
    const { sql, params } = dialect.sqlToQuery(statement);
    try {
      return (await client.query(sql, params)).rows as Row[];
    } catch (error) {
      throw toOurError(error);
    }
  },
});

/**
 * A database over TCP: a small pool, since one invocation needs few connections and many invocations share the server.
 * Nothing is kept in a session, so it works through a pooler in transaction mode.
 */
export function pgDb(url: string): Db {
  const pool = new Pool({
    connectionString: url,
    max: 8,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: 30_000,
    allowExitOnIdle: true,
  });
  pool.on('error', () => undefined); // an idle connection was cut; without a listener Node ends the process
  return {
    ...pgExecutor(pool),
    transaction: (work) => transaction(pool, work),
    close: () => pool.end(),
  };
}

async function transaction<T>(pool: Pool, work: (tx: Executor) => Promise<T>): Promise<T> {
  const client = await connected(pool);
  try {
    await client.query('begin');
    const result = await work(pgExecutor(client));
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    client.release(true); // closing the connection rolls back, whatever state it is in
    throw toOurError(error);
  }
}

async function connected(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw toOurError(error);
  }
}
