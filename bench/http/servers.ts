import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../infra/local/postgres.ts';
import { migrate } from '../../src/db/migrate.ts';
import { startServer, token } from '../../test/support/server.ts';

/** What is measured: our server and a bare one, each a process of its own with a pool of eight, over one Postgres. */
export interface Servers {
  readonly ours: Contestant;
  readonly bare: Contestant;
  stop(): Promise<void>;
}

export interface Contestant {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** An acknowledged call is on disk, as in production. */
export const durable = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  max_wal_size: '4GB',
};

/** The table of the bare server: as ours, with all its indexes, and with a column for the input. */
const bareTable = `
  create schema bare;
  create table bare.executions (like mobula.executions including all, input text not null)`;

export async function startServers(): Promise<Servers> {
  const postgres = await startPostgres({ settings: durable });
  try {
    const url = postgres.url();
    await migrate(url);
    await ask(url, bareTable);
    const ours = await startServer({ DATABASE_URL: url });
    const bare = await startBare(url);
    return {
      ours: { port: ours.port, headers: { authorization: `Bearer ${token}` } },
      bare: { port: bare.port, headers: {} },
      async stop() {
        await Promise.all([ours.stop(), bare.stop()]);
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

async function ask(url: string, statements: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statements);
  await client.end();
}

async function startBare(url: string): Promise<{ port: number; stop(): Promise<unknown> }> {
  const child = fork(join(import.meta.dirname, 'bare-server.ts'), {
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [port] = await once(child, 'message');
  return {
    port,
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
