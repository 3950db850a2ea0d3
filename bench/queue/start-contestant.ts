import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Contestant } from './contestant.ts';
import type { Answered, Asked } from './serve-contestant.ts';

export interface StartedContestant extends Contestant {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a contestant's program; it gets the address of its database, and nothing of our environment. */
export async function startContestant(program: string, url: string): Promise<StartedContestant> {
  const child = fork(program, [url], {
    env: { PATH: process.env['PATH'] },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (answered: Answered) => void>();
  const gone = once(child, 'exit');
  const [word] = await Promise.race([once(child, 'message'), gone]);
  if (word !== 'ready') throw new Error(`${program} did not start.`);
  child.on('message', (answered: Answered) => waiting.get(answered.id)?.(answered));
  child.on('exit', () => {
    for (const [id, hear] of waiting) hear({ id, error: `${program} ended.` });
  });

  let asked = 0;
  const ask = async (verb: keyof Contestant, ...numbers: readonly number[]) => {
    const id = ++asked;
    const heard = new Promise<Answered>((resolve) => waiting.set(id, resolve));
    child.send({ id, verb, numbers } satisfies Asked);
    const answered = await heard;
    waiting.delete(id);
    if ('error' in answered) throw new Error(answered.error);
    return answered.value;
  };

  return {
    pid: child.pid ?? 0,
    clear: async () => void (await ask('clear')),
    fill: async (count, bytes) => void (await ask('fill', count, bytes)),
    drain: async (count, batch) => (await ask('drain', count, batch)) as number,
    enqueueMany: async (count) => (await ask('enqueueMany', count)) as number,
    enqueueOne: async (count) => (await ask('enqueueOne', count)) as number,
    pickUp: async (count) => (await ask('pickUp', count)) as number[],
    async stop() {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
}
