import type { Failure } from '../core/attempt.ts';
import { rayJobId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import type { RemoteRunner } from '../core/runner.ts';
import { judge, type Verdict } from '../core/verdict.ts';
import { type Finish, finishAttempts } from '../db/executions/finish.ts';
import { type PlannedCheck, planChecks } from '../db/executions/plan-checks.ts';
import { type Check, takeChecks } from '../db/executions/take-checks.ts';
import { eachBounded } from './each-bounded.ts';
import type { Engine } from './engine.ts';
import { cancelled, failed } from './finish.ts';
import { noteFinished, type Report } from './report.ts';
import { submitAttempts } from './submit.ts';

/** A taken check is not due again before this, should its taker die. */
const againSeconds = 15;

/**
 * Looks after attempts on the cluster whose check is due: one GET each, never the list. Their own outcome, once committed,
 * took them out of here; what is judged are those without one. Everything written is fenced by the check's epoch.
 */
export async function reconcile(engine: Engine, runner: RemoteRunner, report: Report): Promise<void> {
  const checks = await takeChecks(engine.db, limits.checksPerRun, againSeconds);
  const plans: PlannedCheck[] = [];
  const endings: Finish[] = [];
  const resubmit: Check[] = [];
  await eachBounded(checks, limits.rayCallsAtOnce, async (check) => {
    const jobId = rayJobId(check.id, check.attempt);
    const sight = await runner.inspect(jobId);
    const verdict = judge(toFacts(check), sight, toBounds(engine, check));
    if (verdict.kind === 'resubmit') return void resubmit.push(check);
    if (verdict.kind === 'stop' || (verdict.kind === 'end' && verdict.stop)) await runner.stop(jobId);
    if (verdict.kind === 'end') endings.push(toFinish(engine, check, verdict));
    else plans.push(toPlan(check, verdict));
  });
  if (plans.length > 0) await planChecks(engine.db, plans);
  const finished = await finishAttempts(engine.db, endings);
  noteFinished(report, finished);
  report.recovered += finished.length;
  if (resubmit.length > 0) {
    const answer = await submitAttempts(engine, runner, resubmit);
    report.recovered += answer.submitted;
    noteFinished(report, answer.finished);
  }
}

const toFacts = (check: Check) => ({
  cancelling: check.state === 'CANCELLING',
  begun: check.begun,
  claimedSecondsAgo: check.claimedSecondsAgo,
  begunSecondsAgo: check.begunSecondsAgo,
  silentSeconds: check.silentSeconds,
  rayEndedSecondsAgo: check.rayEndedSecondsAgo,
});

const toBounds = ({ settings, tasks }: Engine, check: Check) => ({
  startTimeoutSeconds: settings.startTimeoutSeconds,
  stuckSeconds: settings.stuckSeconds,
  graceSeconds: settings.graceSeconds,
  timeoutSeconds: check.timeoutSeconds ?? tasks.get(check.task)?.timeoutSeconds ?? settings.taskTimeoutSeconds,
});

const toPlan = (check: Check, verdict: Extract<Verdict, { afterSeconds: number }>): PlannedCheck => ({
  id: check.id,
  epoch: check.epoch,
  afterSeconds: verdict.afterSeconds,
  rayEnded: verdict.kind === 'wait' && verdict.rayEnded,
  session: null,
});

/** The end of an attempt whose own outcome has not come. */
function toFinish(engine: Engine, check: Check, verdict: Extract<Verdict, { kind: 'end' }>): Finish {
  const ref = { ...check, nonce: null };
  const failure = (type: string): Failure => ({ type, message: verdict.message });
  switch (verdict.as) {
    case 'cancelled':
      return cancelled(ref);
    case 'never_began':
      return failed(engine, ref, failure('NeverBegan'), 'NEVER_BEGAN');
    case 'timed_out':
      return failed(engine, ref, failure('TimedOut'));
    case 'lost':
      return failed(engine, ref, failure('Lost'));
    case 'unknown': {
      const idempotent = engine.tasks.get(check.task)?.idempotent === true;
      return failed(engine, ref, { ...failure('Lost'), retryable: idempotent ? undefined : false }, 'LOST');
    }
  }
}
