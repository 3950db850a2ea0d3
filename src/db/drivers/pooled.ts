import type { SQL } from 'drizzle-orm';
import type { Db, Executor } from '../db.ts';
import { toOurError } from './driver-error.ts';
import { type Preparer, preparing } from './preparing.ts';
import { toQuery } from './to-query.ts';

/** Anything of node-postgres that takes a text and parameters: a pool, a client, a transaction's client. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** What a pool of node-postgres and one of its kind over another wire have in common. */
export interface ConnectionPool extends Preparer {
  connect(): Promise<PooledConnection>;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

interface PooledConnection extends Queryable {
  release(close?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

const idleMs = 30_000;

/** A small pool: one call needs few connections, many calls share the server, and Workers allow six of any kind. */
export const poolOptions = (url: string, connections: number) => ({
  connectionString: url,
  max: connections,
  connectionTimeoutMillis: 5_000,
  idleTimeoutMillis: idleMs,
  query_timeout: 30_000,
  allowExitOnIdle: true,
});

/** Runs our statements on a client of node-postgres, whose session is its owner's: nothing is left in it. */
export const pgExecutor = (client: Queryable): Executor => ({
  async execute<Row extends object>(statement: SQL): Promise<Row[]> {
    const { sql, params } = toQuery(statement);
    try {
      return (await client.query(sql, params)).rows as Row[];
    } catch (error) {
      throw toOurError(error);
    }
  },
});

/** Without a listener Node ends the process when a connection is cut that has no statement under way: the next one tells. */
const leaveToNext = () => undefined;

/**
 * A database behind a pool. Nothing is relied upon in a session, so it works through a pooler in transaction mode. A process that
 * was frozen (Lambda and its like, between two calls) wakes with connections that the other side gave up meanwhile, and
 * with timers that did not run: a pool that was not used for `idle` ms by the wall clock is not used again.
 */
export function pooledDb(open: () => ConnectionPool, idle = idleMs): Db {
  const query = preparing();
  let pool = watched(open());
  let usedMs = Date.now();
  let givenUp: Promise<unknown> = Promise.resolve();

  function current(): ConnectionPool {
    if (Date.now() - usedMs > idle) {
      givenUp = Promise.allSettled([givenUp, pool.end()]);
      pool = watched(open());
    }
    usedMs = Date.now();
    return pool;
  }

  return {
    async execute<Row extends object>(statement: SQL): Promise<Row[]> {
      const { sql, params } = toQuery(statement);
      try {
        return (await query(current(), sql, params)).rows as Row[];
      } catch (error) {
        throw toOurError(error);
      }
    },
    transaction: (work) => transaction(current(), work),
    close: async () => void (await Promise.all([givenUp, pool.end()])),
  };
}

/** An idle connection that is cut is an event; without a listener Node ends the process. */
function watched(pool: ConnectionPool): ConnectionPool {
  pool.on('error', () => undefined);
  return pool;
}

async function transaction<T>(pool: ConnectionPool, work: (tx: Executor) => Promise<T>): Promise<T> {
  const client = await connected(pool);
  client.on('error', leaveToNext);
  try {
    await client.query('begin');
    const result = await work(pgExecutor(client));
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    client.release(true); // closing the connection rolls back, whatever state it is in
    throw toOurError(error);
  } finally {
    client.off('error', leaveToNext);
  }
}

async function connected(pool: ConnectionPool): Promise<PooledConnection> {
  try {
    return await pool.connect();
  } catch (error) {
    throw toOurError(error);
  }
}
