import { kill, never } from '../clockwork/process.ts';
import { sleep } from '../clockwork/virtual-time.ts';
import { deliver } from './deliver.ts';
import { type Driven, type DriverOutcome, type Leave, tellToStop, terminated } from './driven.ts';

const lookSeconds = 0.2;
const cancelSeconds = 10;
const killSeconds = 5;
/** Ray kills three seconds after SIGTERM; the outcome has to be out by then. */
const stopSeconds = 2;

/** Ends the process and all it started, without a word. */
export function endGroup({ process }: Driven, why: string): Promise<never> {
  kill(process, why);
  return never();
}

/** As `guard.py`: the fence, the run deadline, and the ends of patience. */
export async function guard(driven: Driven, leave: Leave): Promise<void> {
  for (;;) {
    await sleep(Math.max(0.001, Math.min(lookSeconds, driven.fence.leftMs() / 1_000)));
    if (driven.fence.leftMs() <= 0) await endGroup(driven, 'no beat was accepted for too long');
    if (!driven.hasReturned) await look(driven, leave);
  }
}

async function look(driven: Driven, leave: Leave): Promise<void> {
  const { timeoutSeconds, acceptedAtMs } = driven;
  if (timeoutSeconds !== null && isPast(driven, acceptedAtMs, timeoutSeconds)) {
    report(driven, leave, { kind: 'failed', type: 'TimedOut', message: 'The attempt ran longer than its limit.' });
  }
  if (driven.cancelledAtMs !== null) await lookAtCancel(driven, driven.cancelledAtMs);
  if (isPast(driven, driven.stopAtMs, stopSeconds)) {
    report(driven, leave, driven.cancelledAtMs === null ? terminated : { kind: 'cancelled' });
  }
}

async function lookAtCancel(driven: Driven, cancelledAtMs: number): Promise<void> {
  if (driven.stopAtMs === null && isPast(driven, cancelledAtMs, cancelSeconds)) tellToStop(driven);
  if (isPast(driven, driven.stopAtMs, killSeconds)) await endGroup(driven, 'the cancelled task did not end');
}

const isPast = ({ world }: Driven, fromMs: number | null, seconds: number): boolean =>
  fromMs !== null && world.scheduler.nowMs() >= fromMs + seconds * 1_000;

/** Reports while user code still runs, then ends both. */
function report(driven: Driven, leave: Leave, outcome: DriverOutcome): void {
  if (driven.hasDecided) return;
  driven.hasDecided = true;
  void deliver(driven, outcome).then(() => leave(1));
}
