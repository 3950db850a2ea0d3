import { limits } from '../core/limits.ts';
import { expireQueued } from '../db/executions/expire.ts';
import { promoteDelayed } from '../db/executions/promote.ts';
import type { Survey } from '../db/executions/survey.ts';
import { takeLapsed } from '../db/executions/take-lapsed.ts';
import { foldTallies } from '../db/executions/tally.ts';
import { dropDeadLeases } from '../db/lease.ts';
import { endAttempts } from './end-attempts.ts';
import type { Engine } from './engine.ts';
import { failed } from './finish.ts';
import { noteFinished, type Report } from './report.ts';

/** Does the housekeeping that the survey saw: recovers dead invocations' attempts, expires, promotes. Bounded batches. */
export async function sweep(engine: Engine, survey: Survey, report: Report): Promise<void> {
  if (survey.lapsed) await recoverLapsed(engine, report);
  if (survey.expired) {
    const expired = await expireQueued(engine.db, limits.sweepBatch);
    report.expired += expired;
    report.completed += expired;
  }
  if (survey.delayedDue) await promoteDelayed(engine.db, limits.sweepBatch);
  if (survey.talliesLong) await foldTallies(engine.db);
}

/** The code of a dead invocation has begun and cannot report any more: its attempt failed as `Lost`, the policy decides. */
async function recoverLapsed(engine: Engine, report: Report): Promise<void> {
  const lapsed = await takeLapsed(engine.db, limits.sweepBatch);
  const failure = { type: 'Lost', message: 'The invocation that ran it is gone.' };
  const finished = await endAttempts(
    engine,
    lapsed.map((attempt) => failed(engine, { ...attempt, nonce: null }, failure)),
  );
  noteFinished(report, finished);
  report.recovered += finished.length;
  await dropDeadLeases(engine.db);
}
