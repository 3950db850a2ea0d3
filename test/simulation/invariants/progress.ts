import { isFinal } from '../../../src/core/execution.ts';
import { type AttemptRow, type DatabaseRecord, msOf, nameOfAttempt } from '../database/record.ts';
import type { World } from '../world.ts';
import { endMsOf } from './user-code.ts';

/** How long Ray may take to see that a node is gone, in the simulation as in the field. */
const nodeLossSeconds = 17;
/** Answers take their time also in good weather. */
const slackSeconds = 3;
const stopSeconds = 8;

/** What faults leave behind for a while: a statement on its way, an open breaker, a check whose taker died. */
const aftermathSeconds = 30;

/** I10: once faults have stopped, everything ends, and what died is found within the published bounds. */
export function everythingEnds(world: World, record: DatabaseRecord): string[] {
  const open = record.executions.filter(({ state }) => !isFinal(state));
  return [
    ...open.map(({ id, state, attempt }) => `${nameOfAttempt(id, attempt)}: still ${state} long after`),
    ...(world.isAtRest || open.length > 0 ? [] : restless(world)),
    ...record.attempts.flatMap((attempt) => lateEnd(world, attempt)),
  ];
}

/** What has not ended, in an instance that lives. */
function restless({ ledger, ray }: World): string[] {
  const calls = ledger.calls.filter(
    ({ call, toStep }) => toStep === Number.POSITIVE_INFINITY && call.process.diedAtMs === null,
  );
  return [
    ...calls.map(({ call, about }) => `${call.verb} of ${about} in ${call.process.name} never ended`),
    ...[...ray.drivers.values()].map(({ name }) => `${name} never ended`),
  ];
}

function lateEnd(world: World, attempt: AttemptRow): string[] {
  const lateMs = msOf(attempt.ended_at) - boundMs(world, attempt);
  const late = `ended ${Math.round(lateMs)} ms later than promised`;
  return lateMs > 0 ? [`${nameOfAttempt(attempt.execution_id, attempt.attempt)}: ${late}`] : [];
}

/** The instant by which an attempt must have ended, whatever became of it. */
function boundMs(world: World, attempt: AttemptRow): number {
  const { plan, calmSinceMs } = world;
  const { settings, cronSeconds } = plan;
  const after = (fromMs: number, seconds: number) =>
    Math.max(fromMs, calmSinceMs + aftermathSeconds * 1_000) + (seconds + 2 * cronSeconds + slackSeconds) * 1_000;
  // Whoever claimed it may have died before it was sent: then its lease has to lapse first.
  const startSeconds = Math.max(settings.startTimeoutSeconds, settings.leaseSeconds);
  if (attempt.begun_at === null) return after(msOf(attempt.claimed_at) + startSeconds * 1_000, 0);
  const run = world.ledger.codeRuns.find((of) => of.id === attempt.execution_id && of.attempt === attempt.attempt);
  const overMs = run ? endMsOf(run) : msOf(attempt.begun_at);
  if (attempt.runner === 'inline') return after(overMs, settings.leaseSeconds + slackSeconds);
  const diedMs = world.ray.deathOf(attempt.execution_id, attempt.attempt) ?? overMs;
  const ageSeconds = Math.max(0, diedMs - msOf(attempt.begun_at)) / 1_000 + nodeLossSeconds;
  const checkSeconds = Math.min(60, Math.max(2, ageSeconds / 4)) + 15;
  const found = nodeLossSeconds + checkSeconds + settings.graceSeconds;
  return after(Math.max(overMs, diedMs), Math.max(found, settings.stuckSeconds + stopSeconds));
}
