import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A command of ours as a process of its own, heard to its end. */
export interface Command {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Its exit code; null where a signal ended it. */
  ended(): Promise<number | null>;
  /** The first whole line on stdout; throws where it ends without. */
  firstLine(): Promise<string>;
}

/** Starts `commands/<name>.ts` under our Node, with no settings but these. */
export function start(name: string, env: Record<string, string> = {}, cwd = root): Command {
  const kept = Object.fromEntries(
    Object.entries(process.env).filter(
      ([key]) => !/^(MOBULA_|RAY_|DATABASE_URL|PORT|HOST|VITEST|NODE_OPTIONS)/.test(key),
    ),
  ) as Record<string, string>;
  const child = spawn(process.execPath, [join(root, 'commands', `${name}.ts`)], {
    cwd,
    env: { ...kept, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const closed = once(child, 'close').then(() => child.exitCode);
  return {
    child,
    stdout: () => out,
    stderr: () => err,
    ended: () => closed,
    async firstLine() {
      while (!out.includes('\n')) {
        const isOver = await Promise.race([once(child.stdout, 'data').then(() => false), closed.then(() => true)]);
        if (isOver && !out.includes('\n')) throw new Error(`It ended without a line: ${err}`);
      }
      return out.slice(0, out.indexOf('\n'));
    },
  };
}
