import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findFreePort } from '../../infra/local/free-port.ts';

const root = join(import.meta.dirname, '../..');

/** The one token of test servers, good for every scope. */
export const token = 'test-token-of-all-scopes-0123456789';

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Calls a route as JSON with the token. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ServerAnswer>;
  /** Ends it; answers the exit code, null where a signal did it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** All that it wrote to stderr so far. */
  log(): string;
}

export interface ServerAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

/** Starts `npm run serve`'s program as a process of its own, reachable by drivers; resolves when it listens. */
export async function startServer(env: Record<string, string>, port?: number): Promise<Server> {
  const given = port ?? (await findFreePort());
  const url = `http://127.0.0.1:${given}`;
  const child = spawn(process.execPath, [join(root, 'commands/serve.ts')], {
    cwd: root,
    env: { ...inherited(), ...tokens(), MOBULA_PUBLIC_URL: url, PORT: String(given), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')]);
  if (typeof line !== 'string') throw new Error(`The server did not start: ${log}`);
  return {
    url,
    port: given,
    pid: child.pid ?? 0,
    call: (...request) => call(url, ...request),
    stop: (signal) => stop(child, signal),
    log: () => log,
  };
}

const inherited = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('MOBULA_') && name !== 'RAY_ADDRESS'),
  );

const tokens = () => ({
  MOBULA_SECRET: 'a-secret-of-the-tests-0123456789-0123456789',
  MOBULA_ADMIN_TOKENS: token,
});

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await once(child, 'exit');
  }
  return child.exitCode;
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ServerAnswer> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
}
