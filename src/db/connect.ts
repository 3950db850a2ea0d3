import type { Db } from './db.ts';
import { neonHttpDb } from './drivers/neon-http.ts';
import { neonWsDb } from './drivers/neon-ws.ts';
import { pgDb } from './drivers/pg.ts';

export const databaseDrivers = ['pg', 'neon-http', 'neon-ws'] as const;
export type DatabaseDriver = (typeof databaseDrivers)[number];

export interface ConnectOptions {
  /** Chosen by the host where not said. */
  readonly driver?: DatabaseDriver | undefined;
  /** A proxy of one's own that speaks Neon's `/sql`. */
  readonly neonFetchEndpoint?: string | undefined;
  /** A relay of one's own from WebSockets to Postgres: `wss://…`. */
  readonly neonWsProxy?: string | undefined;
  /** How many connections may be open at once, 8 unless said; over HTTP there are none. */
  readonly connections?: number | undefined;
  /** Carries what goes over HTTP; the platform's own unless said. */
  readonly fetch?: typeof fetch | undefined;
}

/** Opens a database: a Neon host over HTTP, any other over TCP. Nothing is sent before the first statement. */
export function connectDatabase(url: string, options: ConnectOptions = {}): Db {
  const { driver = driverFor(url), connections = 8 } = options;
  switch (driver) {
    case 'pg':
      return pgDb(url, connections);
    case 'neon-http':
      return neonHttpDb(url, { endpoint: options.neonFetchEndpoint, fetch: options.fetch });
    case 'neon-ws':
      return neonWsDb(url, { connections, proxy: options.neonWsProxy });
  }
}

/** The driver that suits a database's host. */
export const driverFor = (url: string): DatabaseDriver =>
  new URL(url).hostname.endsWith('.neon.tech') ? 'neon-http' : 'pg';
