import type { Lane } from '../db/executions/claim.ts';
import type { Budget } from './budget.ts';
import { claimInTurn } from './claim-in-turn.ts';
import type { Engine } from './engine.ts';
import { handBackUnseen } from './hand-back.ts';
import { startPool } from './inline-pool.ts';
import { holdLease } from './lease.ts';
import { placeInLine } from './place-in-line.ts';
import { noteClaimed, noteFinished, type Report } from './report.ts';

/**
 * Claims and runs inline executions until a claim finds less than it asked for, or the budget is spent. Claims grow with
 * the pace of the tasks, up to a thousand rows each, and outcomes are written together: a drain costs a few statements,
 * not a few for each execution. What was claimed and not started when time is up is handed back; what runs on is given
 * the rest of the budget, and then its abort signal.
 */
export async function dispatchInline(
  engine: Engine,
  lanes: readonly Lane[],
  { budget, report }: { budget: Budget; report: Report },
): Promise<void> {
  const lease = holdLease(engine, Math.max(0, budget.secondsLeft()));
  const mayStart = () => budget.hasTime() && !lease.signal.aborted;
  const pool = startPool(engine, {
    held: lease,
    mayStart,
    onFinished: (finished, handedBack) => noteFinished(report, finished, handedBack),
  });
  const line = placeInLine(engine, lanes);
  let isUnseen = false;
  try {
    while (budget.hasTime() && !lease.signal.aborted) {
      const limit = budget.take(pool.appetite());
      if (limit === 0) break;
      const claimed = await claimInTurn(engine, {
        lanes,
        limit,
        after: line.next(limit),
        invocationId: lease.invocationId,
        leaseSeconds: engine.settings.leaseSeconds,
      });
      budget.giveBack(limit - claimed.length);
      noteClaimed(report, claimed);
      pool.add(claimed);
      line.note(claimed, limit);
      if (claimed.length < limit) break;
      await pool.hungry();
    }
  } catch (error) {
    isUnseen = true;
    throw error;
  } finally {
    await pool
      .drained()
      .then(() => (isUnseen ? handBackUnseen(engine, lease.invocationId) : undefined))
      .finally(lease.end);
  }
}
