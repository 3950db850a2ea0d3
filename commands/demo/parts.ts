import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeDoor, openNodeDoor } from '../../functions/doors/node.ts';
import { findFreePort } from '../../infra/local/free-port.ts';
import { startKeeper } from '../../infra/local/keep.ts';
import { startPostgres } from '../../infra/local/postgres.ts';
import { ensureRay, type Ray, startRay } from '../../infra/local/ray.ts';
import deployment from '../../mobula.config.ts';
import { compose } from '../../src/compose.ts';
import { type Log, messageOf } from '../../src/core/observe.ts';
import { migrate } from '../../src/db/migrate.ts';
import type { Tokens } from './api.ts';
import { tell, tellStep } from './say.ts';

/** A local Ray and the token it asks for: without one, anybody on this machine could run code through it. */
export interface GuardedRay extends Ray {
  readonly token: string;
}

/** All that the demo started. Disposing ends it and removes its files; so does our end, however it comes. */
export interface Parts extends AsyncDisposable {
  readonly url: string;
  readonly tokens: Tokens;
  /** Null where this machine cannot have it: then everything runs inline. */
  readonly ray: GuardedRay | null;
  /** How many attempts may be in flight on Ray. */
  readonly concurrency: number;
}

const cpus = Math.max(2, availableParallelism());
const concurrency = Math.min(10, Math.max(4, cpus * 2));

/** Starts Postgres, Ray and the app, one after the other, and says so. What had started ends when a later one fails. */
export async function startParts({ log, abort }: { log: Log; abort: AbortSignal }): Promise<Parts> {
  await using started = new AsyncDisposableStack();
  const installed = await ensureRay(tell, abort);
  const postgres = await tellStep('Postgres: a real server, its data in a temporary folder', () =>
    startPostgres({ abort }),
  );
  started.defer(postgres.stop);
  await migrate(postgres.url());
  const ray = 'missing' in installed ? doWithoutRay(installed.missing) : await startGuardedRay(abort);
  if (ray) started.defer(ray.stop);
  const results = keepResultsFolder();
  started.defer(results.remove);
  const app = await tellStep('Mobula: the app, a few stateless functions behind one address', () =>
    openApp({ databaseUrl: postgres.url(), ray, folder: results.folder, log }),
  );
  started.defer(app.close);
  const all = started.move();
  return { ...app, ray, concurrency, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function startGuardedRay(abort: AbortSignal): Promise<GuardedRay | null> {
  const token = secret();
  try {
    const what = `Ray: a cluster on this machine with ${cpus} CPUs, which takes ten seconds or so`;
    return { ...(await tellStep(what, () => startRay({ cpus, token, abort }))), token };
  } catch (error) {
    abort.throwIfAborted();
    return doWithoutRay(`it did not start: ${messageOf(error)}`);
  }
}

function doWithoutRay(reason: string): null {
  tell(`Ray: not here, because ${reason}.\nSo everything runs inline, in the calls of POST /run themselves.`);
  return null;
}

/** A folder that is removed also where we are killed. */
function keepResultsFolder(): { folder: string; remove(): Promise<void> } {
  const keeper = startKeeper([]);
  const folder = mkdtempSync(join(tmpdir(), 'mobula-results-'));
  keeper.remove(folder);
  keeper.unref();
  return { folder, remove: keeper.stop };
}

interface Surroundings {
  readonly databaseUrl: string;
  readonly ray: GuardedRay | null;
  readonly folder: string;
  readonly log: Log;
}

interface App {
  readonly url: string;
  readonly tokens: Tokens;
  close(): Promise<void>;
}

/** Ray's drivers must be told where the app is before it listens there, so a port that is lost meanwhile costs a try. */
async function openApp({ databaseUrl, ray, folder, log }: Surroundings): Promise<App> {
  const tokens = { enqueue: secret(), trigger: secret(), read: secret(), admin: secret() };
  for (let goes = 1; ; goes += 1) {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const closing = new AbortController();
    const env = settingsOf({ databaseUrl, ray, folder, url, tokens });
    const mobula = compose(deployment, env, { log, closing: closing.signal });
    try {
      const door = await openNodeDoor({ ...mobula, callSeconds: 60 }, { host: '127.0.0.1', port });
      return { url, tokens, close: () => close(door) };
    } catch (error) {
      if (goes === 5) throw error;
    }

    async function close(door: NodeDoor): Promise<void> {
      closing.abort('closing');
      await door.close();
      await mobula.engine.db.close();
    }
  }
}

/** What a deployment would have in its environment; ours is not asked. The waits are short, since somebody watches. */
const settingsOf = ({ databaseUrl, ray, folder, url, tokens }: Omit<Surroundings, 'log'> & Omit<App, 'close'>) => ({
  DATABASE_URL: databaseUrl,
  ...(ray && { RAY_ADDRESS: ray.url, RAY_AUTH_TOKEN: ray.token }),
  MOBULA_PUBLIC_URL: url,
  MOBULA_SECRET: secret(),
  MOBULA_ENQUEUE_TOKENS: tokens.enqueue,
  MOBULA_TRIGGER_TOKENS: tokens.trigger,
  MOBULA_READ_TOKENS: tokens.read,
  MOBULA_ADMIN_TOKENS: tokens.admin,
  MOBULA_DEFAULT_CONCURRENCY: String(concurrency),
  MOBULA_RETRY_BACKOFF_SECONDS: '1',
  MOBULA_RESULT_GRACE_SECONDS: '1',
  MOBULA_RESULT_STORAGE_BACKEND: 'filesystem',
  MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder,
});

const secret = (): string => randomBytes(16).toString('hex');
