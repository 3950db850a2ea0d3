import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, accountForPostgres } from './account.ts';
import { findFreePort } from './free-port.ts';
import { type Keeper, type Program, type Running, startKeeper } from './keep.ts';
import { withLock } from './lock.mjs';
import { type PostgresFiles, preparePostgresFiles } from './postgres-files.ts';

export interface PostgresOptions {
  /** Server settings by name, over ours: ours give up safety from power cuts for speed (`forgetfulSettings`). */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Where the data stay from one start to the next. Without it they are removed at the end. */
  readonly dataDir?: string;
  /** Ends the start, not what has started. */
  readonly abort?: AbortSignal | undefined;
}

export interface Postgres {
  /** The address of one of its databases, for its superuser. */
  url(database?: string): string;
  readonly port: number;
  readonly pid: number;
  /** Returns when the server has ended and what it had in temporary folders is gone. Safe to call again. */
  stop(): Promise<void>;
}

/** For data that nobody will miss. A killed server process loses nothing by them; a machine without power may. */
export const forgetfulSettings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

const commonSettings = { max_connections: 200, listen_addresses: '127.0.0.1', unix_socket_directories: '' };

/** What an attempt to start knows. */
interface Site extends PostgresFiles {
  readonly account: Account | null;
  readonly keeper: Keeper;
  readonly log: string;
}

/**
 * Starts a real Postgres of our own on a free port of 127.0.0.1, in about a second. It ends when we end, however we
 * end (see keep.ts). As root it runs as another account, since Postgres refuses root.
 */
export async function startPostgres({ settings = {}, dataDir, abort }: PostgresOptions = {}): Promise<Postgres> {
  // Fast (sessions are cut), then immediate, then by force.
  const keeper = startKeeper([['SIGINT', 20_000], ['SIGQUIT', 6_000], ['SIGKILL']], abort);
  try {
    const account = accountForPostgres(dataDir);
    const files = preparePostgresFiles(account, keeper.remove);
    const site: Site = { ...files, account, keeper, log: join(files.folder, 'postgres.log') };
    const data = dataDir ?? join(files.folder, 'data');
    await withLock(`${data}.lock`, () => (existsSync(data) ? undefined : createData(site, data)));
    const { port, pid } = await start(site, data, { ...commonSettings, ...forgetfulSettings, ...settings });
    keeper.unref();
    const password = readFileSync(join(data, passwordFile), 'utf8');
    const url = (database = 'postgres') => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
    return { url, port, pid, stop: keeper.stop };
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

const passwordFile = 'mobula.password';

/** Made beside and renamed, so that a folder of this name is always whole. */
async function createData(site: Site, data: string): Promise<void> {
  const fresh = `${data}.new`;
  const password = randomBytes(12).toString('hex');
  const passwordAt = join(site.folder, passwordFile);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(dirname(fresh), { recursive: true });
  mkdirSync(fresh, { mode: 0o700 });
  giveTo(site.account, fresh);
  writeFileSync(passwordAt, password, { mode: 0o600 });
  giveTo(site.account, passwordAt);

  const args = ['--username=postgres', '--auth=password', `--pwfile=${passwordAt}`, '--encoding=UTF8', '--no-sync'];
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions');
  const { ended } = await site.keeper.run(program(site, fresh, 'initdb', args));
  const code = await ended;
  rmSync(passwordAt);
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${lastLines(site.log)}`);
  writeFileSync(join(fresh, passwordFile), password, { mode: 0o600 });
  giveTo(site.account, join(fresh, passwordFile));
  renameSync(fresh, data);
}

function giveTo(account: Account | null, path: string): void {
  if (account) chownSync(path, account.uid, account.gid);
}

/** Between our finding a free port and Postgres's taking it somebody else may be faster, so it gets five goes. */
async function start(site: Site, data: string, settings: object): Promise<{ port: number; pid: number }> {
  const chosen = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  for (let goes = 1; ; goes += 1) {
    const port = await findFreePort();
    rmSync(site.log, { force: true });
    const running = await site.keeper.run(program(site, data, 'postgres', [...chosen, '-c', `port=${port}`]));
    if (await isReady(running, data)) return { port, pid: running.pid };
    const reason = lastLines(site.log);
    if (goes === 5 || !reason.includes('Address already in use')) throw new Error(`Postgres did not start: ${reason}`);
  }
}

/** Postgres writes into its pid file when it takes connections; the first line tells whose file it is. */
async function isReady({ pid, ended }: Running, data: string): Promise<boolean> {
  let over = false;
  void ended.then(() => (over = true));
  for (const until = Date.now() + 60_000; !over && Date.now() < until; await sleep(10)) {
    const lines = readOr(join(data, 'postmaster.pid'), '').split('\n');
    if (lines[0] === String(pid) && lines[7]?.trim() === 'ready') return true;
  }
  return false;
}

/**
 * Another account may not be allowed to walk down to the data, in a closed home for instance. So it is put into the
 * folder before it becomes that account, and told that the data are where it stands.
 */
function program({ native, account, log }: Site, data: string, name: string, args: string[]): Program {
  const where = account ? '/proc/self/cwd' : data;
  return {
    command: join(native, 'bin', name),
    args: ['-D', where, ...args],
    cwd: data,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    log,
    ...(account && { uid: account.uid, gid: account.gid }),
  };
}

const lastLines = (log: string): string => readOr(log, 'it wrote nothing').trim().split('\n').slice(-8).join('\n');

function readOr(path: string, otherwise: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : otherwise;
}
