import { neon, neonConfig } from '@neondatabase/serverless';
import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { MobulaError } from '../../core/errors.ts';
import type { Db } from '../db.ts';
import { toOurError } from './driver-error.ts';

const dialect = new PgDialect();

/**
 * A database over Neon's HTTP: one statement, one request, one implicit transaction, and no session. `fetchEndpoint`
 * names a proxy of one's own; the driver keeps it for the whole process, so one process speaks to one.
 */
export function neonHttpDb(url: string, fetchEndpoint?: string): Db {
  if (fetchEndpoint) neonConfig.fetchEndpoint = fetchEndpoint;
  const client = neon(url);
  return {
    async execute<Row extends object>(statement: SQL): Promise<Row[]> {
      const { sql, params } = dialect.sqlToQuery(statement);
      try {
        return (await client.query(sql, params, { fetchOptions: { signal: AbortSignal.timeout(30_000) } })) as Row[];
      } catch (error) {
        throw toOurError(error);
      }
    },
    transaction: () =>
      Promise.reject(new MobulaError('misconfigured', 'The neon-http driver has no interactive transactions; use pg.')),
    close: () => Promise.resolve(),
  };
}
