import type { Failure } from '../core/attempt.ts';
import { jobOf } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import type { JobSight, RemoteRunner, RunnerHealth } from '../core/runner.ts';
import { isDoubtful, judge, type Verdict } from '../core/verdict.ts';
import type { Finish } from '../db/executions/finish.ts';
import { type PlannedCheck, planChecks } from '../db/executions/plan-checks.ts';
import { type Check, takeChecks } from '../db/executions/take-checks.ts';
import { affordable } from './afford.ts';
import { eachBounded } from './each-bounded.ts';
import { endAttempts } from './end-attempts.ts';
import type { Engine } from './engine.ts';
import { cancelled, failed } from './finish.ts';
import { inspectAll, wake } from './inspector.ts';
import { noteFinished, type Report } from './report.ts';
import { submitAttempts } from './submit.ts';

/** A taken check is not due again before this, should its taker die. */
const againSeconds = 15;

/** A cluster that was woken needs this long to correct its records. */
const wokenSeconds = 3;

/**
 * Looks after attempts on a cluster whose check is due: each is asked about by its id, never the list. Their own outcome,
 * once committed, took them out of here; what is judged are those without one. Everything written is fenced by the
 * check's epoch. Those of a runner that is not configured here are left to a deployment that has it.
 */
export async function reconcile(
  engine: Engine,
  { health, report }: { health: RunnerHealth | null; report: Report },
): Promise<void> {
  if (engine.remotes.length === 0) return;
  const taken = await takeChecks(engine.db, affordable(engine, limits.checksPerRun), againSeconds);
  for (const runner of engine.remotes) {
    const checks = taken.filter((check) => check.runner === runner.name);
    const known = runner === engine.ray ? health : null;
    if (checks.length > 0) await reconcileOn(engine, runner, { checks, health: known, report });
  }
}

async function reconcileOn(
  engine: Engine,
  runner: RemoteRunner,
  { checks, health, report }: { checks: readonly Check[]; health: RunnerHealth | null; report: Report },
): Promise<void> {
  const sights = await inspectAll(engine, runner, { checks, health });
  const found: Findings = { plans: [], endings: [], resubmit: [], isDoubtful: false };
  await eachBounded([...checks.entries()], limits.rayCallsAtOnce, async ([index, check]) => {
    const sight = sights[index] ?? null;
    if (sight !== null) await settle(engine, { runner, health, check, sight, found }); // else it is due again soon
  });
  if (found.isDoubtful) await wake(engine, runner);
  await write(engine, runner, { found, report });
}

/** What a round of checks came to. */
interface Findings {
  readonly plans: PlannedCheck[];
  readonly endings: Finish[];
  readonly resubmit: Check[];
  /** Some job may be dead, and Ray not know it. */
  isDoubtful: boolean;
}

interface Seen {
  readonly runner: RemoteRunner;
  readonly health: RunnerHealth | null;
  readonly check: Check;
  readonly sight: JobSight;
  readonly found: Findings;
}

async function settle(engine: Engine, seen: Seen): Promise<void> {
  const { runner, check, sight, found } = seen;
  const facts = toFacts(check, runner);
  const verdict = judge(facts, sight, toBounds(engine, check));
  if (verdict.kind === 'resubmit') return void found.resubmit.push(check);
  const isStopping = verdict.kind === 'stop' || (verdict.kind === 'end' && verdict.stop && !facts.shares);
  if (isStopping) await runner.stop(jobOf(check));
  if (verdict.kind === 'end') return void found.endings.push(toFinish(engine, check, verdict));
  const inDoubt = isDoubtful(facts, sight, engine.settings.heartbeatSeconds);
  found.isDoubtful ||= inDoubt;
  const afterSeconds = Math.min(verdict.afterSeconds, inDoubt ? wokenSeconds : Number.POSITIVE_INFINITY);
  const rayEnded = verdict.kind === 'wait' && verdict.rayEnded;
  found.plans.push({ id: check.id, epoch: check.epoch, afterSeconds, rayEnded, session: sessionOf(seen) });
}

/** A job that is there has been taken, also where the answer to its submission was lost. */
const sessionOf = ({ sight, health }: Seen): string | null =>
  (sight.kind === 'pending' || sight.kind === 'running') && health?.reachable === true ? health.session : null;

async function write(
  engine: Engine,
  runner: RemoteRunner,
  { found, report }: { found: Findings; report: Report },
): Promise<void> {
  if (found.plans.length > 0) await planChecks(engine.db, found.plans);
  const finished = await endAttempts(engine, found.endings);
  noteFinished(report, finished);
  report.recovered += finished.length;
  if (found.resubmit.length > 0) {
    const answer = await submitAttempts(engine, runner, found.resubmit);
    report.recovered += answer.submitted;
    noteFinished(report, answer.finished);
  }
}

const toFacts = (check: Check, { keepsRecords }: RemoteRunner) => ({
  cancelling: check.state === 'CANCELLING',
  // Without records an end of one of two jobs of the same id is never taken for the other's: it may be sent again.
  accepted: keepsRecords && check.session !== null,
  begun: check.begun,
  shares: check.sharedJob !== null,
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
