import { compose } from '../../src/compose.ts';
import type { Platform } from '../../src/core/platform.ts';
import type { DeploymentConfig } from '../../src/deployment.ts';
import { callScope } from './call-scope.ts';
import { openOnce } from './open-once.ts';
import { platformRequest } from './platform-call.ts';

/** What a Worker is bound to: its variables and secrets are settings, and Hyperdrive is a database. */
export interface WorkerBindings {
  readonly [name: string]: unknown;
  readonly HYPERDRIVE?: { readonly connectionString: string };
}

export interface WorkerContext {
  waitUntil(work: Promise<unknown>): void;
}

export interface WorkerOptions {
  /** The pattern of the cron that purges; all others run what is due. */
  readonly purgeCron?: string;
  /** How many requests one call may make: 50 on Cloudflare's free plan and unless said, 10,000 on a paid one. */
  readonly subrequests?: number;
  /** Where the app is mounted: `/api`; at the root unless said. */
  readonly basePath?: string;
}

export interface WorkerHandlers {
  fetch(request: Request, env: WorkerBindings, context: WorkerContext): Promise<Response>;
  scheduled(event: { readonly cron: string }, env: WorkerBindings, context: WorkerContext): Promise<void>;
}

interface Call {
  readonly seconds: number;
  /** What goes on after the answer. */
  readonly after: Promise<unknown>[];
  requests: number;
}

/** A caller may go away, and the call then ends with it; half a minute is what most will wait. */
const fetchSeconds = 25;
/** A cron may take a quarter of an hour. It is called again each minute, so there is no need to. */
const scheduledSeconds = 300;
/** Of the six that a call may have open to anybody. */
const connections = 2;

/**
 * A deployment as a Cloudflare Worker: `export default worker(config)`. The app is put together once for an isolate; the
 * connections to the database and to Ray are each call's own, since Workers let no two calls share any.
 */
export function worker(config: DeploymentConfig, options: WorkerOptions = {}): WorkerHandlers {
  const { basePath = '/', subrequests = 50, purgeCron } = options;
  const calls = callScope<Call>();
  const current = calls.context;
  const platform: Platform = {
    perCall: calls.perCall,
    connections,
    requestsLeft: () => subrequests - current().requests,
    fetch(...request) {
      current().requests += 1;
      return fetch(...request);
    },
  };
  const opened = openOnce((env: WorkerBindings) => ({
    basePath,
    compose: () => compose(config, settingsIn(env), { platform }),
    seconds: () => current().seconds,
    afterAnswer: (work: Promise<unknown>) => void current().after.push(work),
  }));

  function answer(request: Request, env: WorkerBindings, context: WorkerContext, seconds: number): Promise<Response> {
    const after: Promise<unknown>[] = [];
    return calls.enter({ seconds, after, requests: 0 }, async () => {
      const { app, close } = opened(env);
      try {
        return await app.fetch(request);
      } finally {
        context.waitUntil(Promise.allSettled(after).then(close));
      }
    });
  }

  return {
    fetch: (request, env, context) => answer(request, env, context, fetchSeconds),
    async scheduled({ cron }, env, context) {
      const path = cron === purgeCron ? '/purge' : '/run';
      const request = platformRequest(basePath.replace(/\/+$/, '') + path);
      const { ok, status } = await answer(request, env, context, scheduledSeconds);
      if (!ok) throw new Error(`${path} answered ${status}; the log says why.`);
    },
  };
}

/** Variables may be numbers or truths in wrangler.toml; what is neither those nor text is no setting. */
function settingsIn({ HYPERDRIVE, ...env }: WorkerBindings): Record<string, string> {
  const plain = Object.entries(env).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  const settings = Object.fromEntries(plain.map(([name, value]) => [name, String(value)]));
  return HYPERDRIVE ? { ...settings, DATABASE_URL: HYPERDRIVE.connectionString } : settings;
}
