import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from './lock.mjs';

const execute = promisify(execFile);

/** A Python environment of the clone's own, and what is to be in it. */
export interface PythonEnvironment {
  /** What is installed, for people: `Ray 2.58.0`. */
  readonly title: string;
  readonly folder: string;
  /** As pip reads them, versions included. */
  readonly requirements: readonly string[];
  /** What the first time takes, for people. */
  readonly cost: string;
  /** Whether the folder has it all although nobody noted so, as when it was made by hand. */
  readonly isWhole?: () => Promise<boolean>;
}

/** All that we install is published for these; the machine's own `python3` comes first, if it is one of them. */
const pythons = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];
const isSuitable = 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))';

/**
 * Has the environment made, or says in plain words why this machine cannot have it; null is success. Processes that ask
 * at once wait for the one that installs. An `abort` interrupts pip, or the wait, and is thrown.
 */
export async function ensureEnvironment(
  wanted: PythonEnvironment,
  log: (line: string) => void,
  abort?: AbortSignal,
): Promise<{ missing: string } | null> {
  if (isComplete(wanted)) return null;
  const onWait = () => log(`Waiting for another process that is installing ${wanted.title}…`);
  const work = () => (isComplete(wanted) ? null : install(wanted, log, abort));
  const answer = await withLock(`${wanted.folder}.lock`, work, { onWait, abort });
  abort?.throwIfAborted();
  return answer;
}

export const pythonIn = (folder: string): string => join(folder, 'bin/python');

/** Says that the environment is whole, and for which place: its programs carry their own path and survive no move. */
const markerIn = (folder: string): string => join(folder, 'mobula-complete');
const completed = ({ requirements, folder }: PythonEnvironment) => `${requirements.join(' ')} in ${folder}\n`;

function isComplete(wanted: PythonEnvironment): boolean {
  const marker = markerIn(wanted.folder);
  const isNoted = existsSync(marker) && readFileSync(marker, 'utf8') === completed(wanted);
  return isNoted && existsSync(pythonIn(wanted.folder));
}

async function install(
  wanted: PythonEnvironment,
  log: (line: string) => void,
  abort: AbortSignal | undefined,
): Promise<{ missing: string } | null> {
  if (!(await wanted.isWhole?.())) {
    const python = await findPython();
    if (python === null) return { missing: 'no Python from 3.10 to 3.14 was found on the PATH' };
    log(`Installing ${wanted.title} into .mobula (once; ${wanted.cost})…`);
    const startedAt = performance.now();
    const problem = await makeEnvironment(python, wanted, abort);
    if (problem !== null) return { missing: problem };
    log(`Installed ${wanted.title} in ${Math.round((performance.now() - startedAt) / 1000)} s.`);
  }
  writeFileSync(markerIn(wanted.folder), completed(wanted));
  return null;
}

async function findPython(): Promise<string | null> {
  for (const python of pythons) {
    const suits = await runPython(python, ['-c', isSuitable]).then(
      () => true,
      () => false,
    );
    if (suits) return python;
  }
  return null;
}

/** Answers what went wrong, or null. */
async function makeEnvironment(
  python: string,
  { title, folder, requirements }: PythonEnvironment,
  abort: AbortSignal | undefined,
): Promise<string | null> {
  rmSync(folder, { recursive: true, force: true });
  try {
    await runPython(python, ['-m', 'venv', folder], abort);
  } catch (error) {
    return `${python} could not make a virtual environment (on Debian, install python3-venv): ${lastLine(error)}`;
  }
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
    await runPython(pythonIn(folder), [...pip, ...requirements], abort);
    return null;
  } catch (error) {
    return `pip could not install ${title}: ${lastLine(error)}`;
  }
}

/** Interrupted rather than terminated by an abort, so that Python programs tidy up; answers when it has ended. */
export async function runPython(program: string, args: string[], abort?: AbortSignal): Promise<{ stdout: string }> {
  abort?.throwIfAborted();
  const running = execute(program, args, { maxBuffer: 2 ** 26 });
  const interrupt = () => running.child.kill('SIGINT');
  abort?.addEventListener('abort', interrupt);
  try {
    return await running;
  } finally {
    abort?.removeEventListener('abort', interrupt);
  }
}

function lastLine(error: unknown): string {
  const { stderr = '', stdout = '', message } = error as { stderr?: string; stdout?: string; message: string };
  return (stderr.trim() || stdout.trim() || message).split('\n').at(-1) ?? '';
}
