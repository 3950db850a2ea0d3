import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cloneFolder } from './clone.ts';
import { withLock } from './lock.mjs';

const execute = promisify(execFile);

export const rayVersion = '2.58.0';

/** The Python environment that has Ray. */
export const rayFolder = join(cloneFolder, 'ray');

export interface InstalledRay {
  readonly python: string;
  readonly ray: string;
}

const installed: InstalledRay = { python: join(rayFolder, 'bin/python'), ray: join(rayFolder, 'bin/ray') };

/** Says that the environment is whole, and for which place: its programs carry their own path and survive no move. */
const marker = join(rayFolder, 'mobula-complete');
const completed = `ray ${rayVersion} in ${rayFolder}\n`;

/** Ray is published for these; the machine's own `python3` comes first, if it is one of them. */
const pythons = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];
const isSuitable = 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))';

/**
 * Has Ray in the clone's own Python environment, which takes half a minute and 80 MB of download the first time; or says
 * in plain words why this machine cannot have it. Processes that ask at once wait for the one that installs. An `abort`
 * interrupts pip, or the wait, and is thrown.
 */
export async function ensureRay(
  log: (line: string) => void,
  abort?: AbortSignal,
): Promise<InstalledRay | { missing: string }> {
  if (isComplete()) return installed;
  const onWait = () => log('Waiting for another process that is installing Ray…');
  const work = () => (isComplete() ? installed : install(log, abort));
  const answer = await withLock(join(cloneFolder, 'ray.lock'), work, { onWait, abort });
  abort?.throwIfAborted();
  return answer;
}

function isComplete(): boolean {
  return existsSync(marker) && readFileSync(marker, 'utf8') === completed && existsSync(installed.python);
}

async function install(
  log: (line: string) => void,
  abort: AbortSignal | undefined,
): Promise<InstalledRay | { missing: string }> {
  if (!(await hasRay())) {
    const python = await findPython();
    if (python === null) return { missing: 'no Python from 3.10 to 3.14 was found on the PATH' };
    log(`Installing Ray ${rayVersion} into .mobula/ray (once; about half a minute, an 80 MB download)…`);
    const startedAt = performance.now();
    const problem = await makeEnvironment(python, abort);
    if (problem !== null) return { missing: problem };
    log(`Installed Ray ${rayVersion} in ${Math.round((performance.now() - startedAt) / 1000)} s.`);
  }
  writeFileSync(marker, completed);
  return installed;
}

/** Also true of an environment made by hand. */
async function hasRay(): Promise<boolean> {
  if (!existsSync(installed.ray)) return false;
  const { stdout } = await run(installed.ray, ['--version']).catch(() => ({ stdout: '' }));
  return stdout.trim().endsWith(rayVersion);
}

async function findPython(): Promise<string | null> {
  for (const python of pythons) {
    const suits = await run(python, ['-c', isSuitable]).then(
      () => true,
      () => false,
    );
    if (suits) return python;
  }
  return null;
}

/** Answers what went wrong, or null. */
async function makeEnvironment(python: string, abort: AbortSignal | undefined): Promise<string | null> {
  rmSync(rayFolder, { recursive: true, force: true });
  try {
    await run(python, ['-m', 'venv', rayFolder], abort);
  } catch (error) {
    return `${python} could not make a virtual environment (on Debian, install python3-venv): ${lastLine(error)}`;
  }
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
    await run(installed.python, [...pip, `ray[default]==${rayVersion}`], abort);
    return null;
  } catch (error) {
    return `pip could not install Ray ${rayVersion}: ${lastLine(error)}`;
  }
}

/** Interrupted rather than terminated by an abort, so that Python programs tidy up; answers when it has ended. */
async function run(program: string, args: string[], abort?: AbortSignal): Promise<{ stdout: string }> {
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
