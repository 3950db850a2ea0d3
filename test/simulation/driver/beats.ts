import { beat } from '../../../src/engine/drive.ts';
import { sleep } from '../clockwork/virtual-time.ts';
import type { Driven } from './driven.ts';
import { endGroup } from './guard.ts';
import { backoff, isOk, post, Unreachable } from './wire.ts';

const lookSeconds = 0.2;
const progressSeconds = 1;

/** As `beats.py`: every heartbeat, and within a second of news. */
export async function beats(driven: Driven): Promise<void> {
  const { heartbeatSeconds } = driven.world.plan.settings;
  for (let failures = 0; ; ) {
    const pause = failures > 0 ? Math.min(heartbeatSeconds, backoff(driven.world, failures)) : heartbeatSeconds;
    await untilNews(driven, pause);
    failures = (await sendBeat(driven)) ? 0 : failures + 1;
  }
}

async function untilNews(driven: Driven, pause: number): Promise<void> {
  for (
    let waited = 0;
    waited < pause && (driven.progress === null || waited < progressSeconds);
    waited += lookSeconds
  ) {
    await sleep(Math.min(lookSeconds, pause - waited));
  }
}

/** One beat, with the progress that waits. False: it was not accepted, as far as the driver knows. */
export async function sendBeat(driven: Driven): Promise<boolean> {
  const { world, id, attempt, nonce, fence, progress } = driven;
  driven.progress = null;
  if (fence.leftMs() <= 0) return endGroup(driven, 'no beat was accepted for too long');
  const sentAtMs = world.scheduler.nowMs();
  try {
    const answer = await post(world, 'beat', id, (engine) => beat(engine, { id, attempt, nonce, progress }));
    if (answer.status === 409 && !driven.hasReturned) return await endGroup(driven, 'the attempt is over for the app');
    if (!isOk(answer)) {
      driven.progress ??= progress;
      return false;
    }
    fence.accept(sentAtMs);
    if (answer.value?.cancel) driven.cancelledAtMs ??= world.scheduler.nowMs();
    return true;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    driven.progress ??= progress;
    return false;
  }
}
