import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../../infra/local/free-port.ts';
import { startKeeper } from '../../infra/local/keep.ts';
import { type FaultProxy, startFaultProxy } from '../../test/support/fault-proxy.ts';
import { type MortalPostgres, startMortalPostgres } from '../../test/support/mortal-postgres.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import { seconds } from './bounds.ts';
import { ledgerDeployment, type SoakRay, startSoakRay } from './soak-ray.ts';

/** All that is soaked, and may be harmed. */
export interface Parts extends AsyncDisposable {
  readonly postgres: MortalPostgres;
  readonly ray: SoakRay;
  /** Between drivers and the first server. */
  readonly toApp: FaultProxy;
  /** Replaced one by one when they are killed. */
  readonly servers: Server[];
  readonly ledgerPath: string;
  /** Starts the server of this place again, where it was. */
  revive(index: number): Promise<void>;
}

/** Starts Postgres, Ray and `count` servers over them. What had started ends when a later one fails. */
export async function startParts(count: number, say: (line: string) => void): Promise<Parts> {
  await using started = new AsyncDisposableStack();
  const keeper = startKeeper([]);
  const folder = mkdtempSync(join(tmpdir(), 'mobula-soak-'));
  keeper.remove(folder);
  keeper.unref();
  started.defer(keeper.stop);
  const ledgerPath = join(folder, 'ledger');
  const postgres = await startMortalPostgres();
  started.defer(postgres.stop);
  const ray = await startSoakRay(say);
  started.defer(ray.stop);
  const ports = await Promise.all(Array.from({ length: count }, findFreePort));
  const toApp = await startFaultProxy(ports[0] ?? 0);
  started.defer(toApp.close);

  const serve = (port: number) =>
    startServer(
      {
        DATABASE_URL: postgres.url,
        RAY_ADDRESS: ray.url,
        MOBULA_PUBLIC_URL: `http://127.0.0.1:${toApp.port}`,
        MOBULA_TASKS: join(ledgerDeployment, 'tasks.ts'),
        MOBULA_TEST_LEDGER: ledgerPath,
        MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: ledgerDeployment, LEDGER: ledgerPath } }),
        MOBULA_DEFAULT_CONCURRENCY: '4',
        MOBULA_RETRY_BACKOFF_SECONDS: '0',
        MOBULA_WORKER_LEASE_SECONDS: String(seconds.lease),
        MOBULA_WORKER_HEARTBEAT_SECONDS: String(seconds.heartbeat),
        MOBULA_STUCK_TASK_TIMEOUT_SECONDS: String(seconds.stuck),
        MOBULA_RESULT_GRACE_SECONDS: String(seconds.grace),
        MOBULA_START_TIMEOUT_SECONDS: String(seconds.start),
      },
      port,
    );
  const servers: Server[] = [];
  started.defer(async () => void (await Promise.all(servers.map((server) => server.stop('SIGKILL')))));
  for (const port of ports) servers.push(await serve(port));
  const all = started.move();
  return {
    postgres,
    ray,
    toApp,
    servers,
    ledgerPath,
    async revive(index) {
      servers[index] = await serve(ports[index] ?? 0);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
