import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cloneFolder } from './clone.ts';
import { ensureEnvironment, pythonIn, runPython } from './python.ts';

export const rayVersion = '2.58.0';

/** Serve's own extra forgets jinja2 in this version. */
const requirements = [`ray[default,serve]==${rayVersion}`, 'jinja2==3.1.6'];

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
  const cost = 'about half a minute, a 90 MB download';
  const wanted = { title, cost, folder: rayFolder, requirements, isWhole: hasRay };
  return (await ensureEnvironment(wanted, log, abort)) ?? installed;
}

/** Also true of an environment made by hand, and not of one from before Serve was asked for. */
async function hasRay(): Promise<boolean> {
  if (!existsSync(installed.ray)) return false;
  const question = 'import ray, ray.serve; print(ray.__version__)';
  const { stdout } = await runPython(installed.python, ['-c', question]).catch(() => ({ stdout: '' }));
  return stdout.trim() === rayVersion;
}
