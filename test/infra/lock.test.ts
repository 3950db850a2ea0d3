import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../infra/local/lock.mjs';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mobula-lock-'));
  path = join(folder, 'some.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

const lockModule = new URL('../../infra/local/lock.mjs', import.meta.url);

/** Runs a script in a process of its own, with `withLock` and `path` at hand. */
function startScript(script: string) {
  const lines = `
    import { readFileSync, writeFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from ${JSON.stringify(lockModule)};
    const path = ${JSON.stringify(path)}, counter = ${JSON.stringify(join(folder, 'counter'))};
    ${script}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', lines], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('processes that ask at once get their turns one after the other', async () => {
  writeFileSync(join(folder, 'counter'), '0');
  const scripts = Array.from({ length: 4 }, () =>
    startScript(`
      for (let turn = 0; turn < 5; turn += 1) {
        await withLock(path, async () => {
          const seen = Number(readFileSync(counter, 'utf8'));
          await sleep(3);
          writeFileSync(counter, String(seen + 1));
        });
      }`),
  );
  const codes = await Promise.all(scripts.map(async (script) => (await once(script, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0, 0]);
  expect(readFileSync(join(folder, 'counter'), 'utf8')).toBe('20');
  expect(readdirSync(folder)).toEqual(['counter']);
});

test('the lock of a process that was killed is taken over, by one of many at a time', async () => {
  const holder = startScript(`await withLock(path, async () => { console.log('held'); await sleep(60_000); });`);
  await once(holder.stdout, 'data');
  let told = 0;
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await sleep(2);
    inside -= 1;
  };
  const all = Array.from({ length: 10 }, () => withLock(path, work, { onWait: () => (told += 1) }));
  await sleep(50);
  expect(told).toBe(10);
  holder.kill('SIGKILL');
  await Promise.all(all);
  expect(most).toBe(1);
});

test('a stranger who was given the number of a dead holder does not hold the lock', async () => {
  symlinkSync(`${process.ppid}.1.some-token`, path); // No process that runs now started with the kernel's first tick.
  expect(await withLock(path, () => 'ours')).toBe('ours');
});

test('work that throws gives the lock back', async () => {
  const failing = withLock(path, () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await withLock(path, () => 'ours')).toBe('ours');
});
