import { access } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { misconfigured } from '../config.ts';
import { messageOf } from '../core/observe.ts';
import { type DeploymentConfig, isConfig, tasksOf } from '../deployment.ts';

/**
 * Lets a tasks module that lies anywhere on disk import `mobula`, and gives it this very copy: two copies in one process
 * would disagree about settings. Packages that the module cannot find itself (zod above all) are looked for beside us.
 */
function shareLibrary(): void {
  const here = import.meta.url;
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'mobula' || specifier.startsWith('mobula/'))
        return next(specifier, { ...context, parentURL: here });
      if (/^[./]|^[a-z]+:/.test(specifier)) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch {
        return next(specifier, { ...context, parentURL: here });
      }
    },
  });
}

/**
 * Loads the deployment of a folder: its `mobula.config.ts` (or `.js`, `.mjs`) if there is one, its tasks replaced by those
 * of `MOBULA_TASKS` where that names a module, a path from the folder. A module that cannot be loaded is a problem of the
 * settings and says why.
 */
export async function loadDeployment(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<DeploymentConfig> {
  shareLibrary();
  const configPath = await findConfig(folder);
  const config = configPath ? await importConfig(configPath) : { tasks: [] };
  return env['MOBULA_TASKS'] ? { ...config, ...(await importTasks(resolve(folder, env['MOBULA_TASKS']))) } : config;
}

async function findConfig(folder: string): Promise<string | null> {
  for (const name of ['mobula.config.ts', 'mobula.config.js', 'mobula.config.mjs']) {
    const path = resolve(folder, name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}

async function importConfig(path: string): Promise<DeploymentConfig> {
  const { default: config } = await importModule(path);
  if (!isConfig(config)) throw misconfigured([`${path} must export by default what defineConfig() gives`]);
  return config;
}

/** A tasks module may just export tasks, or have a config as its default export; then that comes whole. */
async function importTasks(path: string): Promise<DeploymentConfig> {
  const module = await importModule(path);
  const tasks = tasksOf(module);
  if (tasks.length === 0) throw misconfigured([`MOBULA_TASKS: ${path} exports no task`]);
  return { ...(isConfig(module['default']) ? module['default'] : {}), tasks };
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    throw misconfigured([`${path} cannot be loaded: ${messageOf(error)}`]);
  }
}
