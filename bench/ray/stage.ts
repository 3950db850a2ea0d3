import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../infra/local/postgres.ts';
import { ensureRay, startRay } from '../../infra/local/ray.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type RayHttp, rayHttp } from '../../src/runners/ray-http.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import { durable } from '../http/servers.ts';

/** A cluster, a database and whatever servers of ours are wanted over them. */
export interface Stage extends AsyncDisposable {
  readonly rayUrl: string;
  readonly ray: RayHttp;
  readonly secret: string;
  /** Asks the database itself. */
  sql<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Starts the app with these settings beside those of every server here; it ends with the stage. */
  serve(settings: Readonly<Record<string, string>>): Promise<Server>;
}

/** The samples, and one that shares jobs. */
const tasks = join(import.meta.dirname, '../../test/support/deployment/tasks.ts');

const secret = 'a-secret-of-the-bench-0123456789-0123456789';

/** Starts all of it, on as many CPUs as Ray is told there are; every commit is forced to disk, and its instant is kept. */
export async function openStage(cpus: number): Promise<Stage> {
  const missing = await ensureRay((line) => process.stderr.write(`${line}\n`));
  if ('missing' in missing) throw new Error(missing.missing);
  const [postgres, ray] = await Promise.all([
    startPostgres({ settings: { ...durable, track_commit_timestamp: 'on' } }),
    startRay({ cpus }),
  ]);
  await migrate(postgres.url());
  const client = new Client({ connectionString: postgres.url() });
  await client.connect();
  const servers: Server[] = [];
  return {
    rayUrl: ray.url,
    ray: rayHttp({ address: ray.url }),
    secret,
    sql: async (text, values) => (await client.query(text, values)).rows,
    async serve(settings) {
      const always = { DATABASE_URL: postgres.url(), RAY_ADDRESS: ray.url, MOBULA_SECRET: secret, MOBULA_TASKS: tasks };
      const server = await startServer({ ...always, MOBULA_RESULT_GRACE_SECONDS: '1', ...settings });
      servers.push(server);
      return server;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.stop()));
      await client.end();
      await Promise.all([ray.stop(), postgres.stop()]);
    },
  };
}
