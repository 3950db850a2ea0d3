import { compose, type Mobula, toQueues } from './compose.ts';
import { parseSettings } from './config.ts';
import type { Db } from './db/db.ts';
import { type DeploymentConfig, withEnvironment } from './deployment.ts';
import type { EnqueueSettings } from './engine/prepare.ts';
import { withoutHookSettings } from './hook-settings.ts';

let configured: DeploymentConfig = { tasks: [] };
let enqueueSettings: EnqueueSettings | null = null;
let composed = new WeakMap<Db, Mobula>();

/**
 * Says which deployment the library calls of this process belong to. Without it they have no tasks of their own to run,
 * and their settings come from the environment alone.
 */
export function configure(config: DeploymentConfig): void {
  configured = config;
  enqueueSettings = null;
  composed = new WeakMap();
}

/** The deployment of this process on a database: put together when first needed, once for each database. */
export function current(db: Db): Mobula {
  const found = composed.get(db) ?? compose({ ...configured, hooks: {} }, readEnvironment(), { db });
  composed.set(db, found);
  return found;
}

/** The same settings for calls that have no database of their own, such as an enqueue in a caller's transaction. */
export function currentEnqueueSettings(): EnqueueSettings {
  enqueueSettings ??= readEnqueueSettings();
  return enqueueSettings;
}

function readEnqueueSettings(): EnqueueSettings {
  const settings = parseSettings(withEnvironment(configured, readEnvironment()));
  return {
    queues: toQueues(settings),
    maxAttempts: settings.MOBULA_MAX_TASK_ATTEMPTS,
    queueTimeoutSeconds: settings.MOBULA_QUEUE_TIMEOUT_SECONDS,
  };
}

/** The library has no door, so the secrets of who knocks at one are not its business, be they there or not. */
function readEnvironment(): Readonly<Record<string, string | undefined>> {
  const { CRON_SECRET: _, QSTASH_CURRENT_SIGNING_KEY: _1, QSTASH_NEXT_SIGNING_KEY: _2, ...env } = process.env;
  return withoutHookSettings(env);
}
