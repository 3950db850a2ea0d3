import type { Db } from './db.ts';
import { neonHttpDb } from './drivers/neon-http.ts';
import { pgDb } from './drivers/pg.ts';

export const databaseDrivers = ['pg', 'neon-http'] as const;
export type DatabaseDriver = (typeof databaseDrivers)[number];

export interface ConnectOptions {
  /** Chosen by the host where not said. */
  readonly driver?: DatabaseDriver | undefined;
  /** A proxy of one's own that speaks Neon's `/sql`. */
  readonly neonFetchEndpoint?: string | undefined;
}

/** Opens a database: a Neon host over HTTP, any other over TCP. Nothing is sent before the first statement. */
export function connectDatabase(url: string, options: ConnectOptions = {}): Db {
  const driver = options.driver ?? (isNeonHost(url) ? 'neon-http' : 'pg');
  return driver === 'pg' ? pgDb(url) : neonHttpDb(url, options.neonFetchEndpoint);
}

const isNeonHost = (url: string): boolean => new URL(url).hostname.endsWith('.neon.tech');
