import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type LedgerLine, readLedger } from '../support/ledger.ts';
import { type Server, startServer } from '../support/server.ts';

export const deployment = join(import.meta.dirname, 'deployment');

/** Settings under which a fault is over in seconds; the contract's bounds are in terms of these. */
export const quick = {
  MOBULA_WORKER_LEASE_SECONDS: '3',
  MOBULA_WORKER_HEARTBEAT_SECONDS: '0.6',
  MOBULA_STUCK_TASK_TIMEOUT_SECONDS: '6',
  MOBULA_RESULT_GRACE_SECONDS: '1',
  MOBULA_RETRY_BACKOFF_SECONDS: '0',
};

/** Where one test file harms servers: a folder with the ledger of what their user code did. */
export interface Site {
  readonly ledgerPath: string;
  ledger(): LedgerLine[];
  /** Starts a server of the ledger's deployment; one that is left at the end is killed. */
  serve(env: Record<string, string>, port?: number): Promise<Server>;
  close(): Promise<void>;
}

export function openSite(): Site {
  const folder = mkdtempSync(join(tmpdir(), 'mobula-faults-'));
  const ledgerPath = join(folder, 'ledger');
  const servers: Server[] = [];
  return {
    ledgerPath,
    ledger: () => readLedger(ledgerPath),
    async serve(env, port) {
      const own = { MOBULA_TASKS: join(deployment, 'tasks.ts'), MOBULA_TEST_LEDGER: ledgerPath };
      const server = await startServer({ ...own, ...quick, ...env }, port);
      servers.push(server);
      return server;
    },
    async close() {
      await Promise.all(servers.map((server) => server.stop('SIGKILL')));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Enqueues and answers the id. */
export async function enqueueOn(server: Server, task: string, input: object, wish: object = {}): Promise<string> {
  const { status, json, text } = await server.call('POST', '/tasks', { task, input, ...wish });
  expect(status, text).toBe(201);
  return json.task.id;
}

/** The task object, with its attempts. */
export async function lookOn(server: Server, id: string) {
  const { status, json, text } = await server.call('GET', `/executions/${id}`);
  expect(status, text).toBe(200);
  return json.task;
}
