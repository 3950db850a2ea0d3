import { isFinal } from '../../../src/core/execution.ts';
import { jobOf } from '../../../src/core/ids.ts';
import { type AttemptRow, type Change, type DatabaseRecord, nameOfAttempt } from '../database/record.ts';
import { simulatedTasks } from '../plan/user-code.ts';
import type { World } from '../world.ts';

/** I4: attempts that count are no more than were granted, and Ray takes one job of an attempt in one session. */
export function attemptsAreBounded({ ledger }: World, { changes, attempts }: DatabaseRecord): string[] {
  const seen = new Set<string>();
  const repeated = ledger.jobs.flatMap(({ jobId, session }) => {
    const key = `${session}/${jobId}`;
    if (seen.has(key)) return [`Ray took ${jobId} twice`];
    seen.add(key);
    return [];
  });
  const claimed = new Set(
    changes.flatMap(({ after }) => (after?.attempt ? [jobOf({ ...after, sharedJob: after.shared_job })] : [])),
  );
  const foreign = ledger.jobs.filter(({ jobId }) => !claimed.has(jobId)).map(({ jobId }) => `no attempt has ${jobId}`);
  const ids = [...new Set(changes.map(({ id }) => id))];
  return [...repeated, ...foreign, ...ids.flatMap((id) => overspent(id, changes, attempts))];
}

/** From one grant to the next: how many attempts were used, and how many there were to use. */
function overspent(id: string, changes: readonly Change[], attempts: readonly AttemptRow[]): string[] {
  const isReleased = (attempt: number) =>
    attempts.some((row) => row.execution_id === id && row.attempt === attempt && row.state === 'RELEASED');
  let [granted, used] = [0, 0];
  const problems: string[] = [];
  for (const { before, after } of changes.filter((change) => change.id === id)) {
    if (!after) continue;
    if (isGrant(before, after)) [granted, used] = [after.max_attempts - (before?.attempt ?? 0), 0];
    if (after.attempt === (before?.attempt ?? 0) || isReleased(after.attempt)) continue;
    used += 1;
    if (used > granted) problems.push(`${nameOfAttempt(id, after.attempt)}: attempt ${used} of ${granted}`);
  }
  return problems;
}

/** An enqueue and an explicit retry grant attempts anew. */
const isGrant = (before: Change['before'], after: NonNullable<Change['after']>): boolean =>
  before === null || (isFinal(before.state) && !isFinal(after.state));

/** What follows an attempt is what the retry policy says, and an end that cannot be known is repeated only where it may be. */
export const policyIsKept = (_: World, { changes, attempts }: DatabaseRecord): string[] =>
  changes.flatMap((change) => {
    const { before, after, statement } = change;
    if (!before || !after || statement !== 'finish' || before.state === after.state) return [];
    const ended = attempts.find((row) => row.execution_id === change.id && row.attempt === before.attempt);
    if (!ended) return [];
    const expected = before.state === 'CANCELLING' ? 'CANCELLED' : expectedAfter(ended, before);
    const problems = after.state === expected ? [] : [`should be ${expected} and is ${after.state}`];
    const isHandedBack = ended.state === 'RELEASED' && after.state === 'QUEUED';
    if (after.max_attempts !== before.max_attempts + (isHandedBack ? 1 : 0)) problems.push('max_attempts is wrong');
    return problems.map((problem) => `${nameOfAttempt(change.id, before.attempt)}: ${problem}`);
  });

function expectedAfter({ state, error }: AttemptRow, before: NonNullable<Change['before']>): string {
  if (state === 'RELEASED') return 'QUEUED';
  const mayRepeat = state !== 'LOST' || simulatedTasks.get(before.task)?.idempotent === true;
  const isFailure = state === 'FAILED' || state === 'LOST';
  return isFailure && mayRepeat && error?.retryable && before.attempt < before.max_attempts ? 'QUEUED' : state;
}
