import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process to be started, and the call that it is to answer. */
export interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it listens, if it does not say so. */
  readonly port?: number;
  readonly path: string;
  readonly token: string;
  readonly status: number;
}

/**
 * Milliseconds from starting a fresh process until its first call has been answered. A line that it writes tells either the
 * port to be called, or the status where it has made the call itself.
 */
export async function timeColdStart(start: Start): Promise<number> {
  const from = performance.now();
  const child = spawn(start.command, start.args, {
    env: { PATH: process.env['PATH'] ?? '', ...start.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let said = '';
  child.stderr.on('data', (piece) => (said += piece));
  try {
    const status = await (start.port === undefined ? answerOf(child, start) : insist(start.port, start));
    const ms = performance.now() - from;
    if (status !== start.status) throw new Error(`${start.path} was answered with ${status}.`);
    return ms;
  } catch (cause) {
    throw new Error(`${[start.command, ...start.args].join(' ')} said: ${said}`, { cause });
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

async function answerOf(child: ChildProcess, start: Start): Promise<number> {
  if (!child.stdout) throw new TypeError('Its output is a pipe.');
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')]);
  if (typeof line !== 'string') throw new Error('It ended without a word.');
  const { port, status, url } = JSON.parse(line);
  return status ?? call(port ?? Number(new URL(url).port), start);
}

/** Calls until somebody listens. */
async function insist(port: number, start: Start): Promise<number> {
  for (const until = performance.now() + 20_000; ; await sleep(1)) {
    const status = await call(port, start).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' && performance.now() < until) return null;
      throw error;
    });
    if (status !== null) return status;
  }
}

function call(port: number, { path, token }: Start): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject).end();
  });
}
