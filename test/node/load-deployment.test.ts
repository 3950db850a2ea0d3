import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const urlOf = (path: string) => JSON.stringify(pathToFileURL(join(root, path)).href);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mobula-tasks-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** Loads the folder in a Node of its own, as the server does, and answers what `expression` makes of the deployment. */
async function load(
  env: Record<string, string> = {},
  expression = '{ ...config, tasks: config.tasks.map(({ name }) => name) }',
) {
  const program = `
    import { loadDeployment } from ${urlOf('src/node/load-deployment.ts')};
    import * as ours from ${urlOf('src/index.ts')};
    const answer = await loadDeployment(${JSON.stringify(folder)}, ${JSON.stringify(env)}).then(
      async (config) => (${expression}), (error) => ({ code: error.code, message: error.message }));
    console.log(JSON.stringify(answer));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
  });
  return JSON.parse(stdout);
}

const tasksTs = `
  import { task, type TaskContext } from 'mobula';
  import * as z from 'zod';
  import { sum } from './lib/sum.ts';
  export const add = task({ name: 'add', input: z.object({ a: z.number() }), run: ({ a }, _: TaskContext): number => sum(a, 1) });
  export const notATask = { name: 'add' };`;
const sumTs = 'export const sum = (a: number, b: number): number => a + b;';
const tasksJs = `
  import { task } from 'mobula';
  import * as z from 'zod';
  export default [];
  export const one = task({ name: 'one', input: z.object({}), run: () => 1 });
  export const alias = one;`;

describe('MOBULA_TASKS', () => {
  test.each([
    ['TypeScript', { 'tasks.ts': tasksTs, 'lib/sum.ts': sumTs }, 'tasks.ts', ['add']],
    ['JavaScript', { 'deep/tasks.mjs': tasksJs }, './deep/tasks.mjs', ['one']],
  ])('names a module in %s, in a folder where nothing is installed', async (_, files, path, names) => {
    await write(files as unknown as Record<string, string>);
    expect(await load({ MOBULA_TASKS: path })).toEqual({ tasks: names });
  });

  test('may name it by its whole path', async () => {
    await write({ 'tasks.mjs': tasksJs });
    expect(await load({ MOBULA_TASKS: join(folder, 'tasks.mjs') })).toEqual({ tasks: ['one'] });
  });

  test('gives the module the one copy of the library that is in the process', async () => {
    await write({
      'tasks.mjs': `${tasksJs}; export { MobulaError, configure } from 'mobula'; import * as lib from 'mobula'; globalThis.lib = lib;`,
    });
    expect(
      await load(
        { MOBULA_TASKS: 'tasks.mjs' },
        '[lib.MobulaError === ours.MobulaError, lib.configure === ours.configure, lib === ours]',
      ),
    ).toEqual([true, true, true]);
  });

  test('gives it that copy even where the folder has one of its own', async () => {
    await write({
      'node_modules/mobula/package.json': '{"name":"mobula","type":"module","exports":"./index.js"}',
      'node_modules/mobula/index.js':
        'export const task = (options) => ({ ...options, kind: "mobula.task", name: "of the other copy" });',
      'tasks.mjs': tasksJs,
    });
    expect(await load({ MOBULA_TASKS: 'tasks.mjs' })).toEqual({ tasks: ['one'] });
  });

  test('gives the schemas of the module and the library the same zod', async () => {
    await write({ 'tasks.mjs': `${tasksJs}; export * from 'mobula';` });
    const checks = 'config.tasks.map((task) => [task.input.safeParse({}).success, task.input.safeParse(1).error.name])';
    expect(await load({ MOBULA_TASKS: 'tasks.mjs' }, checks)).toEqual([[true, 'ZodError']]);
  });

  test('leaves a module the packages of its own folder', async () => {
    await write({
      'node_modules/zod/package.json': '{"name":"zod","type":"module","exports":"./index.js"}',
      'node_modules/zod/index.js':
        'export const own = true; export const object = () => ({ safeParse: () => ({ success: own }) });',
      'tasks.mjs': tasksJs,
    });
    expect(await load({ MOBULA_TASKS: 'tasks.mjs' }, 'Object.keys(config.tasks[0].input)')).toEqual(['safeParse']);
  });

  test('replaces the tasks of the config, and keeps its settings', async () => {
    await write({
      'mobula.config.ts': `import { defineConfig } from 'mobula'; import { add } from './tasks.ts'; export default defineConfig({ tasks: [add], maxTaskAttempts: 9 });`,
      'tasks.ts': tasksTs,
      'lib/sum.ts': sumTs,
      'other.mjs': tasksJs,
    });
    expect(await load()).toEqual({ tasks: ['add'], maxTaskAttempts: 9 });
    expect(await load({ MOBULA_TASKS: 'other.mjs' })).toEqual({ tasks: ['one'], maxTaskAttempts: 9 });
  });

  test('takes a config as the default export, whole', async () => {
    await write({
      'tasks.mjs': `${tasksJs.replace('export default [];', '')}; import { defineConfig } from 'mobula'; export default defineConfig({ tasks: [one], defaultConcurrency: 4 });`,
    });
    expect(await load({ MOBULA_TASKS: 'tasks.mjs' })).toEqual({ tasks: ['one'], defaultConcurrency: 4 });
  });
});

describe('what cannot be loaded is a problem of the settings that says why', () => {
  const modules: readonly (readonly [string, string, string])[] = [
    ['a module without tasks', 'export const a = 1;', 'exports no task'],
    ['a module that throws', 'throw new Error("not today")', 'not today'],
    ['a module that is no program', 'export const = ;', 'cannot be loaded'],
    ['a package that nobody has', `import 'a-package-that-is-not-there'`, 'a-package-that-is-not-there'],
    ['a wrong task', `import { task } from 'mobula'; task({ name: 't', run: () => 1 });`, 'input must be a zod schema'],
  ];

  test('a module that is not there, or without tasks, or broken in any way', async () => {
    await write(Object.fromEntries(modules.map(([, text], n) => [`tasks-${n}.ts`, text])));
    const loadEach = `await Promise.all([-1, 0, 1, 2, 3, 4].map((n) =>
      loadDeployment(${JSON.stringify(folder)}, { MOBULA_TASKS: \`tasks-\${n}.ts\` }).catch(({ code, message }) => ({ code, message }))))`;
    const [absent, ...answers] = await load({}, loadEach);
    expect(absent).toMatchObject({ code: 'misconfigured', message: expect.stringContaining('tasks--1.ts') });
    for (const [n, [what, , words]] of modules.entries()) {
      expect(answers[n], what).toMatchObject({ code: 'misconfigured', message: expect.stringContaining(words) });
    }
  });

  test('a config that is none', async () => {
    await write({ 'mobula.config.mjs': 'export default { task: [] };' });
    expect((await load()).message).toContain('defineConfig()');
  });
});

test('a folder with neither has no tasks', async () => {
  expect(await load()).toEqual({ tasks: [] });
});
