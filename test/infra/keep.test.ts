import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Keeper, startKeeper } from '../../infra/local/keep.ts';
import { processesUnder } from '../../infra/local/processes.ts';

let folder: string;
let keeper: Keeper;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mobula-keep-'));
  keeper = startKeeper([['SIGTERM', 300], ['SIGKILL']]);
  keeper.remove(folder);
});
afterEach(() => keeper.stop());

const shell = (script: string) => ({
  command: '/bin/sh',
  args: ['-c', script],
  cwd: folder,
  env: { PATH: process.env['PATH'] ?? '' },
  log: join(folder, 'log'),
});

test('the end of a program is told with its exit code, and what it said is in its log', async () => {
  const { ended } = await keeper.run(shell('echo words; exit 3'));
  expect(await ended).toBe(3);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('words\n');
});

test('a program that is not there is said to be so', async () => {
  await expect(keeper.run({ ...shell(''), command: '/no/such/program' })).rejects.toThrow('/no/such/program');
});

test('a program that is only just being started when we end is ended too', async () => {
  const pidFile = `${folder}.pid`; // Beside the folder, which is removed.
  void keeper.run(shell(`echo $$ > ${pidFile}; exec sleep 100`)).catch(() => undefined);
  await keeper.stop();

  const began = existsSync(pidFile);
  if (began) expect(processesUnder(Number(readFileSync(pidFile, 'utf8')))).toEqual([]);
  rmSync(pidFile, { force: true });
  expect(existsSync(folder)).toBe(false);
});

test('an abort ends what is being started, and does nothing to what has started', async () => {
  const abort = new AbortController();
  const starting = startKeeper([['SIGKILL']], abort.signal);
  const started = startKeeper([['SIGKILL']], abort.signal);
  const [first, second] = await Promise.all([starting, started].map((one) => one.run(shell('sleep 100'))));
  started.unref();
  abort.abort();

  expect(await first?.ended).toBe(null);
  await starting.stop();
  expect(processesUnder(second?.pid ?? 0)).not.toEqual([]);
  await started.stop();
});

test('stopping ends all that the program started, also what is deaf to signals and has a session of its own', async () => {
  const { pid } = await keeper.run(shell('trap "" TERM; setsid sleep 100 & sleep 100 & sleep 100'));
  const sessions = new Set([pid]);
  await expect.poll(() => processesUnder(pid, sessions).length * sessions.size).toBe(4 * 2);
  writeFileSync(join(folder, 'file'), 'left behind');

  await keeper.stop();

  expect(processesUnder(pid, sessions)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});
