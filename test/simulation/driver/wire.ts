import type { Engine } from '../../../src/engine/engine.ts';
import { ask, type Reply } from '../app/network.ts';
import { currentCall, kill, never } from '../clockwork/process.ts';
import { sleep } from '../clockwork/virtual-time.ts';
import type { World } from '../world.ts';

/** As in infra/ray/mobula_driver/wire.py: an answer, or no usable one. */
export type Answer<T> = Extract<Reply<T>, { kind: 'answered' }>;
export class Unreachable extends Error {}

const callSeconds = 10;

/** Asks the app once. */
export async function post<T>(world: World, verb: string, about: string, work: (engine: Engine) => Promise<T>) {
  const from = currentCall()!.process;
  const { dice, weather } = world;
  const dies = dice.chance(weather.driverDies * 0.1) ? dice.pick(['before', 'after'] as const) : null;
  if (dies === 'before') {
    kill(from, `before it asks to ${verb}`);
    return never();
  }
  if (dies === 'after') world.scheduler.after(dice.between(0, 60), () => kill(from, `after it asked to ${verb}`));
  const reply = await ask(world, { verb, about, from, patienceSeconds: callSeconds }, work);
  if (reply.kind === 'broken') throw new Unreachable();
  return reply;
}

export const isOk = ({ status }: { status: number }): boolean => status < 300;
export const isPassing = ({ status }: { status: number }): boolean => status >= 500;

/** Asks until there is an answer that lasts, or throws `Unreachable` when `seconds` are over. */
export async function insist<T>(world: World, ask: () => Promise<Answer<T>>, seconds: number): Promise<Answer<T>> {
  const untilMs = world.scheduler.nowMs() + seconds * 1_000;
  for (let failures = 1; ; failures += 1) {
    let least = 0;
    try {
      const answer = await ask();
      if (!isPassing(answer)) return answer;
      least = answer.retryAfterSeconds;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
    const pause = Math.max(least, backoff(world, failures));
    if (world.scheduler.nowMs() + pause * 1_000 > untilMs) throw new Unreachable();
    await sleep(pause);
  }
}

/** Half a second, doubling to ten, give or take a fifth. */
export const backoff = ({ dice }: World, failures: number): number =>
  Math.min(10, 0.5 * 2 ** Math.min(failures - 1, 8) * dice.between(1, 1.25));
