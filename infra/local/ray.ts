import { existsSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Running, startKeeper } from './keep.ts';
import { type PortBlock, reservePortBlock } from './port-block.ts';
import { killTree } from './processes.ts';
import { awaitFirstJob } from './ray-first-job.ts';
import { rayFolder } from './ray-install.ts';

export { ensureRay } from './ray-install.ts';

export interface RayOptions {
  readonly cpus: number;
  /** Asked of every caller, if given: Ray's token authentication. */
  readonly token?: string;
  /** Variables for Ray itself, and so for all that runs on it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the start, not what has started. */
  readonly abort?: AbortSignal | undefined;
}

export interface Ray {
  /** The dashboard, on 127.0.0.1, which is where jobs are submitted. */
  readonly url: string;
  /** Where another node would join; never loopback, since Ray puts the host's own address in its place. */
  readonly gcsAddress: string;
  readonly pid: number;
  /** Ends the cluster with all that runs on it, and removes its files. Safe to call again. */
  stop(): Promise<void>;
  /** Ends it as a power cut would; `stop` is still to be called. */
  kill(): Promise<void>;
}

/**
 * Starts a Ray of our own that ends when we do (see keep.ts), and returns when it has run a job: after 9 s and 1 GB.
 * `ensureRay` comes first.
 */
export async function startRay(options: RayOptions): Promise<Ray> {
  const ports = await reservePortBlock();
  const keeper = startKeeper([['SIGTERM', 5_000], ['SIGKILL']], options.abort);
  const stop = async () => {
    await keeper.stop();
    ports.release();
  };
  try {
    const folder = mkdtempSync('/tmp/mobula-ray-'); // Not $TMPDIR: sockets are made below, whose paths must be short.
    keeper.remove(folder);
    const log = join(folder, 'ray.log');
    // Ray cannot live in a path with a space in it, and a clone may: so it is called by another name.
    const python = join(folder, 'python');
    symlinkSync(rayFolder, python);
    const args = ['-m', 'ray.scripts.scripts', 'start', ...argumentsOf(options.cpus, ports, folder)];
    const env = environmentOf(options, python);
    const running = await keeper.run({ command: join(python, 'bin/python'), args, cwd: folder, env, log });
    const url = `http://127.0.0.1:${ports.first}`;
    await awaitFirstJob(url, options.token, failureOf(running, log));
    keeper.unref();
    return { url, gcsAddress: gcsAddressIn(log), pid: running.pid, stop, kill: () => killTree(running.pid) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Every port is said, since Ray's own choices clash with those of another cluster on the machine. */
function argumentsOf(cpus: number, { first, last }: PortBlock, folder: string): string[] {
  const named = {
    '--dashboard-host': '127.0.0.1',
    '--dashboard-port': first,
    '--port': first + 1,
    '--dashboard-agent-listen-port': first + 2,
    '--dashboard-agent-grpc-port': first + 3,
    '--runtime-env-agent-port': first + 4,
    '--metrics-export-port': first + 5,
    '--ray-client-server-port': first + 6,
    '--node-manager-port': first + 7,
    '--object-manager-port': first + 8,
    '--min-worker-port': first + 10,
    '--max-worker-port': last,
    '--num-cpus': cpus,
    '--object-store-memory': 200_000_000,
    '--temp-dir': folder,
    '--include-dashboard': true,
    '--include-log-monitor': false,
  };
  const options = Object.entries(named).map(([name, value]) => `${name}=${value}`);
  return ['--head', '--block', '--no-monitor', '--disable-usage-stats', '--log-style=record', ...options];
}

/**
 * A chosen few of our variables and no others: a proxy's break the calls between Ray's parts, those of npm or of another
 * Ray mean something else to it, and all of them are seen by the jobs.
 */
function environmentOf({ token, env }: RayOptions, python: string): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => /^(HOME|USER|LANG|TZ|(PIP|UV|SSL_CERT)_\w+)$/.test(name));
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    PATH: `${join(python, 'bin')}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
    RAY_AUTH_MODE: token === undefined ? 'disabled' : 'token',
    ...(token !== undefined && { RAY_AUTH_TOKEN: token }),
    RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S: '0',
    ...env,
  };
}

/** Rejects when the program ends by itself, with what it said last. */
async function failureOf({ ended }: Running, log: string): Promise<never> {
  const code = await ended;
  const said = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-12).join('\n') : 'nothing';
  throw new Error(`Ray ended with ${code} while starting, and said: ${said}`);
}

function gcsAddressIn(log: string): string {
  return /--address='?([\d.:a-f[\]]+)/.exec(readFileSync(log, 'utf8'))?.[1] ?? '';
}
