import { jobOf } from '../../../src/core/ids.ts';
import { type AttemptRow, type Change, type DatabaseRecord, msOf, nameOfAttempt } from '../database/record.ts';
import type { World } from '../world.ts';

/** Row clocks are exact to the millisecond, and so are ours. */
const toleranceMs = 2;

/** What is said of an attempt that said nothing itself is true: Ray has said so, or it was silent for long enough. */
export function verdictsAreTrue(world: World, record: DatabaseRecord): string[] {
  return record.attempts.flatMap((attempt) => {
    if (attempt.runner !== 'ray_job' || !attempt.error) return [];
    const ending = record.changes.find(
      ({ id, before, after }) =>
        id === attempt.execution_id && before?.attempt === attempt.attempt && isEnd(before.state, after?.state),
    );
    if (!ending?.before) return [];
    return problemsOf({ world, record, attempt, ending }).map(
      (problem) => `${nameOfAttempt(attempt.execution_id, attempt.attempt)}: ${problem} ("${attempt.error?.message}")`,
    );
  });
}

const inFlight = ['RUNNING', 'CANCELLING'];
const isEnd = (before: string, after: string | undefined): boolean =>
  inFlight.includes(before) && after !== undefined && !inFlight.includes(after);

interface Case {
  readonly world: World;
  readonly record: DatabaseRecord;
  readonly attempt: AttemptRow;
  readonly ending: Change;
}

/**
 * How silent a driver was for the call that judged it, by what it saw when it took the check. A beat that arrives after
 * that comes too late for its driver as well: nobody accepted its last word in time.
 */
function silentMsOf(world: World, { changes }: DatabaseRecord, ending: Change): number {
  const taken = changes.findLast(
    ({ id, statement, call, step }) =>
      id === ending.id && statement === 'takeChecks' && call === ending.call && step <= ending.step,
  );
  const seen = taken?.before ?? ending.before!;
  return world.scheduler.msOf(taken?.step ?? ending.step) - msOf(seen.beat_at ?? seen.begun_at!);
}

function problemsOf({ world, record, attempt, ending }: Case): string[] {
  const { type, message } = attempt.error!;
  if (type === 'RayRefused') return ['Ray never refused it'];
  if (type === 'NeverBegan') return problemsOfNeverBegan(world, attempt, ending);
  if (type !== 'Lost') return [];
  const silentMs = silentMsOf(world, record, ending);
  const isSilent = silentMs >= world.plan.settings.stuckSeconds * 1_000 - toleranceMs;
  if (/cannot be asked|no longer knows/.test(message)) {
    const problems = isSilent ? [] : [`its driver had been silent for ${silentMs} ms only`];
    const isKnown = message.includes('cannot be asked');
    if ((attempt.state === 'LOST') !== isKnown) problems.push(`an end like this is not ${attempt.state}`);
    if (!isKnown && !wasSaid(world, attempt, ending, 'no_such_job')) problems.push('Ray did know it');
    return problems;
  }
  if (!wasSaid(world, attempt, ending, 'over')) return ['Ray never called it over'];
  return isSilent || hasWaited(world, attempt) ? [] : ['nobody waited for its outcome'];
}

function problemsOfNeverBegan(world: World, attempt: AttemptRow, ending: Change): string[] {
  const problems = attempt.begun_at === null ? [] : ['it has begun'];
  const agedMs = msOf(attempt.ended_at) - msOf(attempt.claimed_at);
  const isLate = agedMs >= world.plan.settings.startTimeoutSeconds * 1_000 - toleranceMs;
  const isForgotten = wasTaken(world, attempt) && wasSaid(world, attempt, ending, 'no_such_job');
  if (!isLate && !isForgotten && !wasSaid(world, attempt, ending, 'over')) problems.push('it might have begun yet');
  return problems;
}

const wasTaken = ({ ledger }: World, attempt: AttemptRow): boolean =>
  ledger.jobs.some(({ jobId }) => jobId === jobOfAttempt(attempt));

const jobOfAttempt = ({ execution_id: id, attempt, shared_job: sharedJob }: AttemptRow): string =>
  jobOf({ id, attempt, sharedJob });

/** Whether Ray has said this, to the very call that judged. */
const wasSaid = ({ ledger }: World, attempt: AttemptRow, { call, step }: Change, what: string): boolean => {
  const jobId = jobOfAttempt(attempt);
  return ledger.sightings.some(
    (sighting) =>
      sighting.jobId === jobId && sighting.said === what && sighting.call === call.number && sighting.step <= step,
  );
};

/** The grace runs from the first time that Ray was seen to call it over. */
function hasWaited({ ledger, plan, scheduler }: World, attempt: AttemptRow): boolean {
  const jobId = jobOfAttempt(attempt);
  const first = ledger.sightings.find((sighting) => sighting.jobId === jobId && sighting.said === 'over');
  return (
    first !== undefined &&
    msOf(attempt.ended_at) - scheduler.msOf(first.step) >= plan.settings.graceSeconds * 1_000 - toleranceMs
  );
}
