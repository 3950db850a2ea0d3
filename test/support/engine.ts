import type { Hono } from 'hono';
import { createApp } from '../../functions/app.ts';
import { compose, type Mobula } from '../../src/compose.ts';
import type { Hooks } from '../../src/core/hook.ts';
import type { Log } from '../../src/core/observe.ts';
import type { Schedules } from '../../src/core/schedule.ts';
import type { AnyTask } from '../../src/core/task.ts';
import type { Db } from '../../src/db/db.ts';
import type { Engine } from '../../src/engine/engine.ts';

/** A bearer token for each scope, as the harness's deployment has them. */
export const bearerTokens = {
  trigger: 'trigger-token-of-the-tests-0123456789',
  enqueue: 'enqueue-token-of-the-tests-0123456789',
  read: 'read-token-of-the-tests-0123456789-abc',
  admin: 'admin-token-of-the-tests-0123456789-ab',
} as const;

/** Signs the harness's capabilities and status tokens. */
export const testSecret = 'the-secret-of-the-tests-has-well-over-32-bytes';

export interface EngineOptions {
  /** A migrated database; unless `db` is given. */
  readonly url?: string;
  readonly db?: Db;
  readonly tasks: readonly AnyTask[];
  readonly schedules?: Schedules | undefined;
  readonly hooks?: Hooks | undefined;
  /** Settings over the harness's own; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A Ray to run on; without it there is none. */
  readonly ray?: { readonly url: string } | undefined;
  readonly random?: () => number;
  readonly log?: Log;
  readonly closing?: AbortSignal;
  readonly basePath?: string;
  /** The time budget of one call. */
  readonly callSeconds?: number;
  /** Takes what goes on after an answer; without it nothing does. */
  readonly afterAnswer?: (work: Promise<unknown>) => void;
}

export interface CallOptions {
  /** A scope's token, any other text as it is, or null for no proof at all; `admin` unless said. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed JSON; undefined where the text is none. */
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for, and says what it expects.
  readonly body: any;
}

export interface LogLine {
  readonly level: Parameters<Log>[0];
  readonly event: string;
  readonly members: Readonly<Record<string, unknown>>;
}

/** A deployment in this process, composed as any other and called without a server. */
export interface TestEngine extends AsyncDisposable {
  readonly mobula: Mobula;
  readonly engine: Engine;
  readonly db: Db;
  readonly app: Hono;
  /** Everything it logged, unless a log was given. */
  readonly lines: readonly LogLine[];
  /** Sends a request through the app. A body that is no text becomes JSON. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** Composes a deployment over a test's database. */
export function makeEngine(options: EngineOptions): TestEngine {
  const lines: LogLine[] = [];
  const collect: Log = (level, event, members = {}) => void lines.push({ level, event, members });
  const mobula = compose(
    { tasks: options.tasks, schedules: options.schedules, hooks: options.hooks },
    environmentOf(options),
    {
      db: options.db,
      log: options.log ?? collect,
      random: options.random,
      closing: options.closing,
    },
  );
  const { callSeconds = 60, basePath = '/' } = options;
  const app = createApp({ ...mobula, callSeconds, afterAnswer: options.afterAnswer }, { basePath });
  const close = () => mobula.engine.db.close();
  return {
    mobula,
    engine: mobula.engine,
    db: mobula.engine.db,
    app,
    lines,
    call: (method, path, body, how = {}) => call(app, { method, path, body, ...how }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function environmentOf({ url, ray, env = {} }: EngineOptions): Record<string, string | undefined> {
  return {
    DATABASE_URL: url,
    RAY_ADDRESS: ray?.url,
    MOBULA_PUBLIC_URL: 'http://127.0.0.1:9',
    MOBULA_SECRET: testSecret,
    MOBULA_TRIGGER_TOKENS: bearerTokens.trigger,
    MOBULA_ENQUEUE_TOKENS: bearerTokens.enqueue,
    MOBULA_READ_TOKENS: bearerTokens.read,
    MOBULA_ADMIN_TOKENS: bearerTokens.admin,
    ...env,
  };
}

async function call(
  app: Hono,
  { method, path, body, token = 'admin', headers = {} }: CallOptions & { method: string; path: string; body: unknown },
): Promise<Answer> {
  const proof = token !== null && Object.hasOwn(bearerTokens, token) ? bearerTokens[token as 'admin'] : token;
  const response = await app.request(path, {
    method,
    headers: {
      ...(proof === null ? {} : { authorization: `Bearer ${proof}` }),
      ...(body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
