import { openStore } from '#stores';
import { misconfigured, parseSettings } from './config.ts';
import type { ServedHook } from './core/hook.ts';
import { type Log, redactedLog } from './core/observe.ts';
import type { Platform } from './core/platform.ts';
import { redactionBy } from './core/redact.ts';
import type { RemoteRunner } from './core/runner.ts';
import { connectDatabase } from './db/connect.ts';
import type { Db } from './db/db.ts';
import { checkHookTasks, type DeploymentConfig, indexSchedules, indexTasks, withEnvironment } from './deployment.ts';
import type { Engine, EngineSettings } from './engine/engine.ts';
import { openHooks } from './hook-settings.ts';
import { type SignedTokens, signTokens } from './http/tokens.ts';
import { logJson } from './log.ts';
import { newId } from './new-id.ts';
import type { StoreSettings } from './results/store-settings.ts';
import { driverPackage } from './runners/driver-package.ts';
import { rayCoreRunner } from './runners/ray-core.ts';
import { rayJobRunner } from './runners/ray-job.ts';
import { rayTransport } from './runners/ray-transport.ts';
import type { Settings } from './settings.ts';

/** What tests and callers of the library bring along instead of what the settings would make. */
export interface Extras {
  readonly db?: Db | undefined;
  readonly log?: Log | undefined;
  readonly random?: (() => number) | undefined;
  /** Aborts when the process is about to end: nothing more is claimed then. */
  readonly closing?: AbortSignal | undefined;
  /** Where this does not run in a process of its own. */
  readonly platform?: Platform | undefined;
}

/** A deployment, put together: the engine of its verbs, and what the HTTP floor needs beside it. */
export interface Mobula {
  readonly engine: Engine;
  readonly settings: Settings;
  /** Null without `MOBULA_SECRET`. */
  readonly tokens: SignedTokens | null;
  readonly hooks: ReadonlyMap<string, ServedHook>;
}

/** Puts a deployment together. The only place that knows every adapter by name; nothing is sent to anybody yet. */
export function compose(
  config: DeploymentConfig,
  env: Readonly<Record<string, string | undefined>>,
  extras: Extras = {},
): Mobula {
  const { hooks = {} } = config;
  const settings = parseSettings(withEnvironment(config, env), extras.db ? [] : ['DATABASE_URL'], hooks);
  const tokens = settings.MOBULA_SECRET.length > 0 ? signTokens(settings.MOBULA_SECRET) : null;
  const queues = toQueues(settings);
  const tasks = indexTasks(config.tasks, queues);
  checkHookTasks(hooks, tasks);
  const { platform } = extras;
  const redact = redactionBy(settings.MOBULA_REDACT_PATTERNS);
  const open = platform?.perCall ?? ((make) => make());
  const engine: Engine = {
    db: extras.db ?? open(() => openDatabase(settings, platform)),
    tasks,
    schedules: indexSchedules(config.schedules ?? {}, tasks),
    settings: toEngineSettings(settings, queues),
    ...openRemotes(settings, platform),
    store: openStore(toStoreSettings(settings), { env, fetch: platform?.fetch }),
    log: redactedLog(extras.log ?? logJson, redact),
    redact,
    random: extras.random ?? Math.random,
    newId,
    monotonicMs: () => performance.now(),
    requestsLeft: platform?.requestsLeft ?? (() => Number.POSITIVE_INFINITY),
    closing: extras.closing ?? new AbortController().signal,
    capability: (id, attempt) => {
      if (!tokens) throw misconfigured(['MOBULA_SECRET is required by every runner on Ray']);
      return tokens.mint({ use: 'begin', id, attempt });
    },
  };
  return { engine, settings, tokens, hooks: openHooks(hooks, env) };
}

function openDatabase(settings: Settings, platform: Platform | undefined): Db {
  if (!settings.DATABASE_URL) throw misconfigured(['DATABASE_URL is required']);
  return connectDatabase(settings.DATABASE_URL, {
    connections: platform?.connections,
    fetch: platform?.fetch,
    driver: settings.MOBULA_DATABASE_DRIVER,
    neonFetchEndpoint: settings.MOBULA_NEON_FETCH_ENDPOINT,
    neonWsProxy: settings.MOBULA_NEON_WS_PROXY,
  });
}

/** Null for `*`: every queue. */
export const toQueues = (settings: Settings): readonly string[] | null =>
  settings.MOBULA_QUEUES.includes('*') ? null : settings.MOBULA_QUEUES;

/** `ray_core` where it is asked for by name, or alone; the other one still looks after what it has. */
function openRemotes(settings: Settings, platform: Platform | undefined): Pick<Engine, 'ray' | 'remotes'> {
  const open = platform?.perCall ?? ((make) => make());
  const jobs = settings.RAY_ADDRESS ? open(() => openJobs(settings, platform)) : null;
  const core = settings.MOBULA_RAY_CORE_ADDRESS ? open(() => openGateway(settings, platform)) : null;
  const ray = settings.MOBULA_RUNNER === 'ray_core' ? core : (jobs ?? core);
  return { ray, remotes: [jobs, core].filter((runner) => runner !== null) };
}

const openGateway = (settings: Settings, platform: Platform | undefined): RemoteRunner =>
  rayCoreRunner({
    address: settings.MOBULA_RAY_CORE_ADDRESS ?? '',
    secret: settings.MOBULA_SECRET[0] ?? '',
    headers: settings.MOBULA_RAY_HEADERS,
    transport: rayTransport(platform?.fetch),
  });

function openJobs(settings: Settings, platform: Platform | undefined): RemoteRunner {
  return rayJobRunner({
    address: settings.RAY_ADDRESS ?? '',
    token: settings.RAY_AUTH_TOKEN,
    headers: settings.MOBULA_RAY_HEADERS,
    runtimeEnv: settings.MOBULA_RAY_RUNTIME_ENV,
    allowInsecure: settings.MOBULA_ALLOW_INSECURE_RAY,
    package: driverPackage,
    transport: rayTransport(platform?.fetch),
  });
}

/** What each store needs is there: `parseSettings` has seen to it, save where validation was skipped. */
function toStoreSettings(settings: Settings): StoreSettings {
  switch (settings.MOBULA_RESULT_STORAGE_BACKEND) {
    case 'digest':
      return { backend: 'digest' };
    case 'filesystem':
      return { backend: 'filesystem', root: settings.MOBULA_RESULT_STORAGE_FILESYSTEM_PATH ?? '' };
    case 's3':
      return {
        backend: 's3',
        bucket: settings.MOBULA_RESULT_STORAGE_S3_BUCKET ?? '',
        prefix: settings.MOBULA_RESULT_STORAGE_S3_PREFIX,
        region: settings.MOBULA_RESULT_STORAGE_S3_REGION,
        endpoint: settings.MOBULA_RESULT_STORAGE_S3_ENDPOINT_URL,
      };
    case 'gcs':
      return {
        backend: 'gcs',
        bucket: settings.MOBULA_RESULT_STORAGE_GCS_BUCKET ?? '',
        prefix: settings.MOBULA_RESULT_STORAGE_GCS_PREFIX,
        endpoint: settings.MOBULA_RESULT_STORAGE_GCS_ENDPOINT_URL,
      };
  }
}

const toEngineSettings = (settings: Settings, queues: readonly string[] | null): EngineSettings => ({
  runner: settings.MOBULA_RUNNER ?? (settings.RAY_ADDRESS ? 'ray_job' : 'inline'),
  queues,
  concurrency: settings.MOBULA_DEFAULT_CONCURRENCY,
  maxAttempts: settings.MOBULA_MAX_TASK_ATTEMPTS,
  backoff: { baseSeconds: settings.MOBULA_RETRY_BACKOFF_SECONDS, jitter: settings.MOBULA_RETRY_JITTER },
  retryDenylist: settings.MOBULA_RETRY_EXCEPTION_DENYLIST,
  taskTimeoutSeconds: settings.MOBULA_TASK_TIMEOUT_SECONDS,
  queueTimeoutSeconds: settings.MOBULA_QUEUE_TIMEOUT_SECONDS,
  startTimeoutSeconds: settings.MOBULA_START_TIMEOUT_SECONDS,
  stuckSeconds: settings.MOBULA_STUCK_TASK_TIMEOUT_SECONDS,
  graceSeconds: settings.MOBULA_RESULT_GRACE_SECONDS,
  leaseSeconds: settings.MOBULA_WORKER_LEASE_SECONDS,
  heartbeatSeconds: settings.MOBULA_WORKER_HEARTBEAT_SECONDS,
  inlineBytes: settings.MOBULA_MAX_RESULT_SIZE_BYTES,
  publicUrl: settings.MOBULA_PUBLIC_URL ?? null,
});
