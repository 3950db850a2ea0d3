import { neon, neonConfig } from '@neondatabase/serverless';
import type { SQL } from 'drizzle-orm';
import { MobulaError } from '../../core/errors.ts';
import type { Db } from '../db.ts';
import { toOurError } from './driver-error.ts';
import { toQuery } from './to-query.ts';

export interface NeonHttpOptions {
  /** A proxy of one's own. */
  readonly endpoint?: string | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/**
 * A database over Neon's HTTP: one statement, one request, one implicit transaction, and no session. The driver keeps its
 * options for the whole process, so one process speaks to one.
 */
export function neonHttpDb(url: string, { endpoint, fetch }: NeonHttpOptions = {}): Db {
  if (endpoint) neonConfig.fetchEndpoint = endpoint;
  if (fetch) neonConfig.fetchFunction = fetch;
  const client = neon(url);
  return {
    async execute<Row extends object>(statement: SQL): Promise<Row[]> {
      const { sql, params } = toQuery(statement);
      try {
        return (await client.query(sql, params, { fetchOptions: { signal: AbortSignal.timeout(30_000) } })) as Row[];
      } catch (error) {
        throw toOurError(error);
      }
    },
    transaction: () =>
      Promise.reject(
        new MobulaError('misconfigured', 'The neon-http driver has no interactive transactions; use neon-ws or pg.'),
      ),
    close: () => Promise.resolve(),
  };
}
