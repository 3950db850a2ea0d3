import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type DebianFiles, debianFolder, ensureDebian, librariesIn } from './debian.ts';

const fromDebian: DebianFiles = { title: 'libfaketime', name: 'faketime', packages: ['libfaketime'] };

/** The library that lies about the time; threads are safe with this one of the two. */
const library = join(librariesIn(debianFolder(fromDebian)), 'faketime/libfaketimeMT.so.1');

/** Has libfaketime; or says in plain words why this machine cannot have it. */
export async function ensureFakeTime(log: (line: string) => void): Promise<{ missing: string } | null> {
  const absent = await ensureDebian(fromDebian, log);
  if (absent) return absent;
  const hour = Date.now() + 3_600_000;
  const { stdout } = spawnSync('date', ['+%s'], { env: { ...process.env, ...clockOff('+1h') } });
  const isOff = Math.abs(Number(stdout) * 1_000 - hour) < 60_000;
  return isOff ? null : { missing: 'libfaketime changes no clock on this machine' };
}

/** What a process must be started with for its clock to be off by so much (`+2h`, `-2h`); its timers stay true. */
export const clockOff = (by: string): Record<string, string> => ({
  LD_PRELOAD: library,
  FAKETIME: by,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
});
