import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cloneFolder } from './clone.ts';
import { withLock } from './lock.mjs';

const run = promisify(execFile);

/** Programs that only a Linux distribution has: some of Debian's packages, unpacked for this clone alone. */
export interface DebianFiles {
  /** For people: `PgBouncer`. */
  readonly title: string;
  /** Its folder in .mobula. */
  readonly name: string;
  readonly packages: readonly string[];
}

export const debianFolder = ({ name }: DebianFiles): string => join(cloneFolder, name);

/**
 * Has the packages unpacked in a folder of the clone, without being root and without installing anything; or says in plain
 * words why this machine cannot have them. What they depend on must be on the machine, or among them. Takes five seconds
 * and 15 MB the first time; processes that ask at once wait for the one that fetches.
 */
export async function ensureDebian(
  wanted: DebianFiles,
  log: (line: string) => void,
): Promise<{ missing: string } | null> {
  const folder = debianFolder(wanted);
  if (isComplete(wanted, folder)) return null;
  return withLock(`${folder}.lock`, () => (isComplete(wanted, folder) ? null : fetch(wanted, folder, log)));
}

/** Where Debian puts libraries for this machine's kind of processor. */
export const librariesIn = (folder: string): string =>
  join(folder, `usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`);

const markerIn = (folder: string): string => join(folder, 'mobula-complete');

const isComplete = ({ packages }: DebianFiles, folder: string): boolean =>
  existsSync(markerIn(folder)) && readFileSync(markerIn(folder), 'utf8') === packages.join(' ');

async function fetch(
  { title, packages }: DebianFiles,
  folder: string,
  log: (line: string) => void,
): Promise<{ missing: string } | null> {
  const state = `${folder}.apt`;
  for (const path of [folder, state]) rmSync(path, { recursive: true, force: true });
  for (const path of ['lists/partial', 'cache/archives/partial', 'packages'])
    mkdirSync(join(state, path), { recursive: true });
  mkdirSync(folder);
  log(`Fetching ${title} into .mobula (once; about five seconds, a 15 MB download)…`);
  try {
    const apt = (...args: string[]) =>
      run('apt-get', [...optionsFor(state), ...args], { cwd: join(state, 'packages'), timeout: 120_000 });
    await apt('update');
    await apt('download', ...packages);
    for (const file of readdirSync(join(state, 'packages'))) {
      await run('dpkg', ['-x', join(state, 'packages', file), folder]);
    }
    writeFileSync(markerIn(folder), packages.join(' '));
    return null;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    return { missing: `${title} could not be had from Debian: ${(stderr || message).trim().split('\n').at(-1)}` };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** apt's own lists and locks belong to root; these are ours. */
const optionsFor = (state: string): string[] =>
  [
    '-qq',
    ['-o', `Dir::State::Lists=${state}/lists`],
    ['-o', `Dir::Cache=${state}/cache`],
    ['-o', 'Debug::NoLocking=1'],
    ['-o', 'APT::Sandbox::User='],
    ['-o', 'Acquire::Retries=0'],
    ['-o', 'Acquire::http::Timeout=15'],
  ].flat();
