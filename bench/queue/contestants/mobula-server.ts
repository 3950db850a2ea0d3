import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../../../infra/local/free-port.ts';
import { startKeeper } from '../../../infra/local/keep.ts';

const root = join(import.meta.dirname, '../../..');
const token = 'a-token-of-the-bench-good-for-all-0123456789';

export interface MobulaServer {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Calls a route and answers its body; an answer that is no success throws. */
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape.
  post(path: string, body: string): Promise<any>;
}

/** `npm run serve`'s program over a database, with the bench's tasks. It writes its log to nowhere and ends with us. */
export async function startMobula(url: string): Promise<MobulaServer> {
  const port = await findFreePort();
  const keeper = startKeeper([['SIGTERM', 5_000], ['SIGKILL']]);
  await keeper.run({
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', join(root, 'commands/serve.ts')],
    cwd: import.meta.dirname,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: String(port),
      DATABASE_URL: url,
      MOBULA_TASKS: '../tasks.ts',
      MOBULA_DEFAULT_CONCURRENCY: '500',
      MOBULA_SECRET: 'a-secret-of-the-bench-0123456789-0123456789',
      MOBULA_ADMIN_TOKENS: token,
    },
    log: '/dev/null',
  });
  keeper.unref();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const at = `http://127.0.0.1:${port}`;
  await untilAlive(`${at}/livez`);
  return {
    port,
    headers,
    async post(path, body) {
      const answer = await fetch(at + path, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
      return answer.json();
    },
  };
}

async function untilAlive(url: string): Promise<void> {
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(20)) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
  }
  throw new Error('The server does not answer.');
}
