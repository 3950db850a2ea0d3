import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFolder } from '../../commands/dev/data-folder.ts';
import { type Command, start } from './process.ts';

let folder: string;
let dev: Command;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mobula-dev-'));
  await chmod(folder, 0o755); // as root its Postgres is another account
  await writeTask('first');
  dev = start('dev', { MOBULA_TASKS: 'tasks.ts' }, folder);
});
afterAll(async () => {
  dev.child.kill('SIGINT');
  await dev.ended();
  await rm(folder, { recursive: true });
});

const writeTask = (word: string) =>
  writeFile(
    join(folder, 'tasks.ts'),
    `import { task } from 'mobula';
     import * as z from 'zod';
     export const say = task({ name: 'say', input: z.object({}), run: () => '${word}' });`,
  );

const said = (pattern: RegExp): string => pattern.exec(dev.stdout())?.[1] ?? '';

async function call(method: string, path: string, body?: object) {
  const headers = { authorization: `Bearer ${said(/Bearer ([0-9a-f]+)/)}`, 'content-type': 'application/json' };
  const response = await fetch(said(/app=(\S+)/) + path, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  return JSON.parse(await response.text());
}

async function resultOfATask(): Promise<unknown> {
  const { task } = await call('POST', '/tasks', { task: 'say', input: {} });
  return (await call('GET', `/status/${task.id}?wait=10`)).task.result;
}

test('what is enqueued runs within a second or so, changes take effect, and Ctrl-C ends all', async () => {
  await dev.firstLine();
  const result = () => resultOfATask().catch(() => 'not there yet');
  await expect.poll(result, { timeout: 15_000 }).toBe('first');
  await writeTask('second');
  await expect.poll(result, { timeout: 15_000 }).toBe('second');
  expect(dev.stdout()).toContain('POST /run  ran say');

  const url = said(/app=(\S+)/);
  const databaseUrl = said(/(postgres:\S+),/);
  dev.child.kill('SIGINT');
  expect(await dev.ended()).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
  await expect(new Client({ connectionString: databaseUrl }).connect()).rejects.toThrow('ECONNREFUSED');
}, 40_000);

test('the database is kept beside the code, and as root elsewhere if that is closed to other accounts', async () => {
  const closed = join(folder, 'closed');
  expect(dataFolder(folder)).toBe(join(folder, '.mobula/dev/postgres'));
  await mkdir(closed, { mode: 0o700 });
  const isRoot = process.getuid?.() === 0;
  expect(dataFolder(closed)).toMatch(isRoot ? /^\/var\/tmp\/mobula-dev-\w{12}\/postgres$/ : /closed\/\.mobula/);
});
