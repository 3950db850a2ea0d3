import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startKeeper } from '../../infra/local/keep.ts';
import { type Postgres, startPostgres } from '../../infra/local/postgres.ts';
import { killTree } from '../../infra/local/processes.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

/** A migrated Postgres of one's own, to be harmed. Its address leads through a proxy, and survives it. */
export interface MortalPostgres {
  readonly url: string;
  readonly proxy: FaultProxy;
  /** Asks past the proxy. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Kills the server with all its processes, as the end of its machine would. */
  kill(): Promise<void>;
  /** Starts it again over the same data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What was acknowledged survives its death, unlike in the Postgres of the other tests. */
const settings = { synchronous_commit: 'on' };

/** Starts one, which takes two seconds. */
export async function startMortalPostgres(): Promise<MortalPostgres> {
  const keeper = startKeeper([]);
  const folder = mkdtempSync(join(tmpdir(), 'mobula-mortal-'));
  keeper.remove(folder);
  keeper.unref();
  const dataDir = join(folder, 'data');
  let postgres: Postgres = await startPostgres({ dataDir, settings });
  await migrate(postgres.url());
  const proxy = await startFaultProxy(postgres.port);
  const url = new URL(postgres.url());
  url.port = String(proxy.port);
  return {
    url: url.href,
    proxy,
    sql: (text, values) => ask(postgres.url(), text, values),
    async kill() {
      await killTree(postgres.pid);
      await postgres.stop();
    },
    async start() {
      postgres = await startPostgres({ dataDir, settings });
      proxy.leadTo(postgres.port);
    },
    async stop() {
      await proxy.close();
      await postgres.stop();
      await keeper.stop();
    },
  };
}

async function ask<Row>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // it may be among those that are terminated
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}
