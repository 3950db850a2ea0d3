import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DebianFiles, debianFolder, ensureDebian, librariesIn } from './debian.ts';
import { findFreePort } from './free-port.ts';
import { type Running, startKeeper } from './keep.ts';

const fromDebian: DebianFiles = {
  title: 'PgBouncer',
  name: 'pgbouncer',
  packages: ['pgbouncer', 'libevent-2.1-7', 'libc-ares2'],
};

export interface PgBouncer {
  /** The address of one of the databases behind it. */
  url(database: string): string;
  stop(): Promise<void>;
}

const programs = () => [
  { command: 'pgbouncer', env: {} },
  { command: '/usr/sbin/pgbouncer', env: {} },
  {
    command: join(debianFolder(fromDebian), 'usr/sbin/pgbouncer'),
    env: { LD_LIBRARY_PATH: librariesIn(debianFolder(fromDebian)) },
  },
];

const findProgram = () =>
  programs().find(
    ({ command, env }) => spawnSync(command, ['--version'], { env: { ...process.env, ...env } }).status === 0,
  );

/** Has a PgBouncer: the machine's own, else Debian's in .mobula; or says in plain words why this machine cannot have it. */
export async function ensurePgBouncer(log: (line: string) => void): Promise<{ missing: string } | null> {
  if (findProgram()) return null;
  const absent = await ensureDebian(fromDebian, log);
  if (absent || findProgram()) return absent;
  return { missing: 'Debian’s PgBouncer does not run on this machine' };
}

/**
 * Starts one on a free port of 127.0.0.1, in transaction mode before the server of `databaseUrl`, with so few connections
 * to it that its clients must share. It ends when we do. `ensurePgBouncer` comes first.
 */
export async function startPgBouncer(databaseUrl: string, connections: number): Promise<PgBouncer> {
  const program = findProgram();
  if (!program) throw new Error('There is no PgBouncer.');
  const keeper = startKeeper([['SIGINT', 1_000], ['SIGKILL']]);
  try {
    const folder = mkdtempSync('/tmp/mobula-pgbouncer-');
    keeper.remove(folder);
    const settings = join(folder, 'pgbouncer.ini');
    const port = await findFreePort();
    writeFileSync(settings, settingsFor(new URL(databaseUrl), { port, connections }), { mode: 0o600 });
    const log = join(folder, 'log');
    const running = await keeper.run({ ...program, args: ['-q', settings], cwd: folder, log });
    if (!(await listens(port, running))) throw new Error(`PgBouncer did not start: ${readFileSync(log, 'utf8')}`);
    keeper.unref();
    return { url: (database) => `postgres://anybody@127.0.0.1:${port}/${database}`, stop: keeper.stop };
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

/** Started by root it becomes nobody, by itself, when it has read these. */
function settingsFor(server: URL, { port, connections }: { port: number; connections: number }): string {
  return [
    '[databases]',
    `* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${connections}`,
    'max_client_conn = 500',
    ...(process.getuid?.() === 0 ? ['user = nobody'] : []),
    '',
  ].join('\n');
}

async function listens(port: number, { ended }: Running): Promise<boolean> {
  let isOver = false;
  void ended.then(() => (isOver = true));
  for (const until = Date.now() + 10_000; !isOver && Date.now() < until; await sleep(20)) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isThere) return true;
  }
  return false;
}
