import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKeeper } from '../../infra/local/keep.ts';

const root = join(import.meta.dirname, '../..');

export interface DevApp {
  /** Resolves when it has ended by itself, which it should not. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * Runs `npm run serve`'s program in this folder, and anew with every change of a file that it was made of. It ends when we
 * end, however we end. What it logs goes to a file, and to stderr from there.
 */
export async function startApp(env: Readonly<Record<string, string | undefined>>, log: string): Promise<DevApp> {
  const keeper = startKeeper([['SIGTERM', 12_000], ['SIGKILL']]);
  await writeFile(log, '');
  const { ended } = await keeper.run({
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      '--watch-preserve-output',
      '--watch',
      join(root, 'commands/serve.ts'),
    ],
    cwd: process.cwd(),
    env: env as Record<string, string>,
    log,
  });
  keeper.unref();
  const following = new AbortController();
  void follow(log, following.signal);
  return {
    ended,
    async stop() {
      await keeper.stop();
      following.abort();
    },
  };
}

/** Says on stderr what is written to a file, soon after. */
async function follow(path: string, end: AbortSignal): Promise<void> {
  await using file = await open(path);
  while (!end.aborted) {
    const { bytesRead, buffer } = await file.read();
    if (bytesRead > 0) process.stderr.write(buffer.subarray(0, bytesRead));
    else await sleep(100);
  }
}
