import { beat, begin } from '../../../src/engine/drive.ts';
import type { Process } from '../clockwork/process.ts';
import type { World } from '../world.ts';
import type { Driven, Leave } from './driven.ts';
import { makeFence } from './fence.ts';
import { type Answer, insist, isOk, post } from './wire.ts';

const patienceSeconds = 300;

export interface Start {
  readonly process: Process;
  readonly id: string;
  readonly attempt: number;
  readonly leave: Leave;
}

/** As `begin.py`: the same nonce for every try, and after a lost answer a beat before user code runs. */
export async function beginAttempt(world: World, { process, id, attempt, leave }: Start): Promise<Driven> {
  const nonce = world.dice.uuid();
  let sentAtMs = 0;
  let tries = 0;
  const asking = <T>(verb: string, work: Parameters<typeof post<T>>[3]) => {
    const once = async () => {
      sentAtMs = world.scheduler.nowMs();
      tries += 1;
      return post(world, verb, id, work);
    };
    return lasting(insist(world, once, patienceSeconds), leave);
  };
  const { value } = await asking('begin', (engine) => begin(engine, { id, attempt, nonce }));
  if (tries > 1) await asking('beat', (engine) => beat(engine, { id, attempt, nonce, progress: null }));
  const silenceSeconds = world.mutation?.withoutFence ? Number.POSITIVE_INFINITY : world.plan.settings.stuckSeconds;
  return {
    world,
    process,
    id,
    attempt,
    nonce,
    task: value!.task,
    behaviour: JSON.parse(value!.input),
    timeoutSeconds: value!.timeoutSeconds,
    acceptedAtMs: sentAtMs,
    fence: makeFence(silenceSeconds, sentAtMs, world.scheduler.nowMs),
    stop: new AbortController(),
    stopAtMs: null,
    cancelledAtMs: null,
    hasReturned: false,
    hasDecided: false,
    progress: null,
  };
}

/** An answer that lets us go on; any other ends the process. */
async function lasting<T>(asked: Promise<Answer<T>>, leave: Leave): Promise<Answer<T>> {
  try {
    const answer = await asked;
    if (answer.status === 409) return await leave(0);
    return isOk(answer) ? answer : await leave(1);
  } catch {
    return leave(1);
  }
}
