import { limits } from '../core/limits.ts';
import type { RemoteRunner } from '../core/runner.ts';
import { claimRemote, type Lane, openCapacity } from '../db/executions/claim.ts';
import { affordable } from './afford.ts';
import type { Budget } from './budget.ts';
import type { Engine } from './engine.ts';
import { holdLease } from './lease.ts';
import { noteClaimed, noteFinished, type Report } from './report.ts';
import { submitAttempts } from './submit.ts';

/**
 * Claims and submits executions until nothing is due, the cluster is full or the budget is spent. The attempts go on
 * without us: their drivers begin and complete by calls of their own.
 */
export async function dispatchRemote(
  engine: Engine,
  runner: RemoteRunner,
  lanes: readonly Lane[],
  { budget, report }: { budget: Budget; report: Report },
): Promise<void> {
  const { concurrency, leaseSeconds } = engine.settings;
  const lease = holdLease(engine, Math.max(0, budget.secondsLeft()));
  try {
    await openCapacity(engine.db, runner.name, runner.cluster);
    while (budget.hasTime()) {
      const limit = budget.take(Math.min(concurrency, affordable(engine, limits.claimBatch, runner.startsPerRequest)));
      if (limit === 0) break;
      const claimed = await claimRemote(engine.db, {
        lanes,
        limit,
        invocationId: lease.invocationId,
        leaseSeconds,
        runner: runner.name,
        cluster: runner.cluster,
        concurrency,
      });
      budget.giveBack(limit - claimed.length);
      noteClaimed(report, claimed);
      if (claimed.length === 0) break;
      const { submitted, finished } = await submitAttempts(engine, runner, claimed);
      report.submitted += submitted;
      noteFinished(report, finished);
    }
  } finally {
    await lease.end();
  }
}
