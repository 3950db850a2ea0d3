import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cloneFolder } from './clone.ts';
import { ensureEnvironment, pythonIn, runPython } from './python.ts';

export const rayVersion = '2.58.0';

/** The Python environment that has Ray. */
export const rayFolder = join(cloneFolder, 'ray');

export interface InstalledRay {
  readonly python: string;
  readonly ray: string;
}

const installed: InstalledRay = { python: pythonIn(rayFolder), ray: join(rayFolder, 'bin/ray') };

/**
 * Has Ray in the clone's own Python environment, which takes half a minute and 80 MB of download the first time; or says
 * in plain words why this machine cannot have it. Processes that ask at once wait for the one that installs. An `abort`
 * interrupts pip, or the wait, and is thrown.
 */
export async function ensureRay(
  log: (line: string) => void,
  abort?: AbortSignal,
): Promise<InstalledRay | { missing: string }> {
  const title = `Ray ${rayVersion}`;
  const cost = 'about half a minute, an 80 MB download';
  const wanted = { title, cost, folder: rayFolder, requirements: [`ray[default]==${rayVersion}`], isWhole: hasRay };
  return (await ensureEnvironment(wanted, log, abort)) ?? installed;
}

/** Also true of an environment made by hand. */
async function hasRay(): Promise<boolean> {
  if (!existsSync(installed.ray)) return false;
  const { stdout } = await runPython(installed.ray, ['--version']).catch(() => ({ stdout: '' }));
  return stdout.trim().endsWith(rayVersion);
}
