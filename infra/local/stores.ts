import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cloneFolder } from './clone.ts';
import { findFreePort } from './free-port.ts';
import { type Keeper, type Running, startKeeper } from './keep.ts';
import { ensureEnvironment, pythonIn } from './python.ts';

/** The Python environment that has the stores' servers. */
const folder = join(cloneFolder, 'stores');

/**
 * Servers that speak as S3 and GCS do. `moto[server]` would bring what its other two hundred services need; S3 alone
 * needs the web server beside it. This version of moto answers 412 where an object is in the way; some answer 500.
 */
const wanted = {
  title: 'servers of S3 and GCS',
  folder,
  requirements: ['moto[s3]==5.2.5', 'flask==3.1.3', 'flask-cors==6.0.5', 'gcp-storage-emulator==2026.7.19'],
  cost: 'about ten seconds, a 25 MB download',
};

export interface Stores {
  /** They check no signature: any credentials will do. */
  readonly s3Url: string;
  /** It wants no credentials. */
  readonly gcsUrl: string;
  /** Ends both and forgets what they kept. Safe to call again. */
  stop(): Promise<void>;
}

/** Has the servers in the clone's own Python environment; or says in plain words why this machine cannot have them. */
export function ensureStores(log: (line: string) => void, abort?: AbortSignal): Promise<{ missing: string } | null> {
  return ensureEnvironment(wanted, log, abort);
}

/** Starts both on free ports of 127.0.0.1, in about two seconds. They end when we do. `ensureStores` comes first. */
export async function startStores(abort?: AbortSignal): Promise<Stores> {
  const keeper = startKeeper([['SIGTERM', 1_000], ['SIGKILL']], abort);
  try {
    const home = mkdtempSync(join(tmpdir(), 'mobula-stores-'));
    keeper.remove(home);
    const s3Url = await start(keeper, home, (port) => ['bin/moto_server', '-H', '127.0.0.1', '-p', port]);
    const emulator = ['bin/gcp-storage-emulator', 'start', '--host', '127.0.0.1', '--in-memory', '--quiet', '--port'];
    const gcsUrl = await start(keeper, home, (port) => [...emulator, port]);
    keeper.unref();
    return { s3Url, gcsUrl, stop: keeper.stop };
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

/** Between our finding a free port and a server's taking it somebody else may be faster, so it gets five goes. */
async function start(keeper: Keeper, home: string, argumentsFor: (port: string) => string[]): Promise<string> {
  for (let goes = 1; ; goes += 1) {
    const port = await findFreePort();
    const [program = '', ...args] = argumentsFor(String(port));
    const log = join(home, `${port}.log`);
    const env = { PATH: '/usr/bin:/bin', HOME: home, PYTHONUNBUFFERED: '1', MOTO_PORT: String(port) };
    // Through the interpreter: a program's first line cannot name one whose path is long or has a space in it.
    const command = pythonIn(folder);
    const running = await keeper.run({ command, args: [join(folder, program), ...args], cwd: home, env, log });
    const url = `http://127.0.0.1:${port}`;
    if (await answers(url, running)) return url;
    const said = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-8).join('\n') : 'nothing';
    if (goes === 5 || !/in use/i.test(said)) throw new Error(`${program} did not start, and said: ${said}`);
  }
}

/** Any answer will do: it says that the server takes calls. */
async function answers(url: string, { ended }: Running): Promise<boolean> {
  let over = false;
  void ended.then(() => (over = true));
  for (const until = Date.now() + 30_000; !over && Date.now() < until; await sleep(50)) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer) return true;
  }
  return false;
}
