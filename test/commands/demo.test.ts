import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test, vi } from 'vitest';

// On a machine without Python, and so without Ray: what the demo shows there would need a cluster of its own here.

const repository = join(import.meta.dirname, '../..');
const sources = ['commands', 'drizzle', 'examples', 'functions', 'infra', 'src', 'mobula.config.ts', 'package.json'];

/** Starts the demo of a fresh clone. Its temporary folder is its own, so that what it leaves behind is seen. */
function startDemo({ onTestFinished }: TestContext, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'mobula-demo-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755); // As root, Postgres runs as another account.
  const clone = join(folder, 'clone');
  for (const source of sources) cpSync(join(repository, source), join(clone, source), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(clone, 'node_modules'));
  for (const made of ['bin', 'tmp']) mkdirSync(join(folder, made));
  symlinkSync('/bin/chmod', join(folder, 'bin/chmod'));
  const child = spawn(process.execPath, [join(clone, 'commands/demo.ts'), ...args], {
    env: { PATH: join(folder, 'bin'), TMPDIR: join(folder, 'tmp'), MOBULA_QUEUES: 'not of this demo' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  const ended = once(child, 'close').then(([code]) => Number(code));
  const hears = (words: string) => vi.waitUntil(() => said.stdout.includes(words), { timeout: 50_000, interval: 100 });
  return { child, said, ended, hears, leftovers: () => readdirSync(join(folder, 'tmp')) };
}

test.concurrent('without Python the demo says so, runs everything inline, and ends with 0', async (context) => {
  const { expect } = context;
  const { said, ended, leftovers } = startDemo(context);
  const code = await ended;
  expect(said.stdout).toContain('Ray: not here, because no Python');
  expect(said.stdout).toMatch(/large_task +SUCCEEDED +5,000,002 bytes, stored by reference/);
  expect(said.stdout).toMatch(/(\d+) of \1 checks held/);
  expect({ code, stderr: said.stderr, leftovers: leftovers() }).toEqual({ code: 0, stderr: '', leftovers: [] });
}, 60_000);

test.concurrent('SIGTERM in the middle of the story ends it, and leaves nothing behind', async (context) => {
  const { expect } = context;
  const { child, ended, hears, leftovers } = startDemo(context);
  await hears('GET /status  add_numbers');
  child.kill('SIGTERM');
  expect(await ended).toBe(143);
  expect(leftovers()).toEqual([]);
}, 60_000);

test.concurrent('kept running it serves what it says, until Ctrl-C, which is no failure', async (context) => {
  const { expect } = context;
  const { child, said, ended, hears, leftovers } = startDemo(context, '--keep');
  await hears('Still running');
  await hears('read  ');
  const app = /app=(\S+)/.exec(said.stdout)?.[1] ?? '';
  const authorization = /auth='Authorization: (.+)'/.exec(said.stdout)?.[1] ?? '';
  const headers = { authorization, 'content-type': 'application/json' };
  const body = JSON.stringify({ task: 'echo_task', input: { value: 'once more' } });
  const enqueued = await fetch(`${app}/tasks`, { method: 'POST', headers, body }).then(toTask);

  await hears('POST /run  ran echo_task');
  const task = await fetch(`${app}/status/${enqueued.id}`, { headers }).then(toTask);
  expect(task).toMatchObject({ state: 'SUCCEEDED', result: 'once more' });

  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(leftovers()).toEqual([]);
}, 60_000);

const toTask = async (response: Response): Promise<{ id: string }> =>
  ((await response.json()) as { task: { id: string } }).task;

test.concurrent('an argument that it does not know is refused', async (context) => {
  const { expect } = context;
  const { said, ended } = startDemo(context, '--kepe');
  expect(await ended).toBe(2);
  expect(said).toEqual({ stdout: '', stderr: expect.stringContaining('"--kepe"') });
});
