import { digestOf } from '../app/simulated-store.ts';
import { type AttemptRow, type DatabaseRecord, nameOfAttempt, rowAt } from '../database/record.ts';
import type { World } from '../world.ts';

/** I6: a success is what the code of that very attempt returned, whole, and can be read. */
export const resultsAreWhole = (world: World, { attempts, executions }: DatabaseRecord): string[] => {
  const present = new Set(executions.map(({ id }) => id));
  return attempts
    .filter(({ state }) => state === 'SUCCEEDED')
    .flatMap((attempt) => {
      const problem = problemOf(world, attempt, present.has(attempt.execution_id));
      return problem === null ? [] : [`${nameOfAttempt(attempt.execution_id, attempt.attempt)}: ${problem}`];
    });
};

function problemOf({ ledger, store }: World, attempt: AttemptRow, isPresent: boolean): string | null {
  const run = ledger.codeRuns.find((of) => of.id === attempt.execution_id && of.attempt === attempt.attempt);
  if (!run?.value) return 'it succeeded, and its code did not';
  if (attempt.result_state === 'inline') return attempt.result === run.value ? null : 'it has another value';
  if (attempt.result_sha256 !== digestOf(run.value).sha256) return 'it has the digest of another value';
  if (!isPresent || attempt.result_state !== 'stored') return null;
  return store.objects.get(attempt.result_reference ?? '') === run.value ? null : 'its object is not there';
}

/** Whether an attempt was still in flight for everybody at a step. */
function endedAfter(
  record: DatabaseRecord,
  { id, attempt, step }: { id: string; attempt: number; step: number },
): boolean {
  const row = rowAt(record, id, step);
  return row?.attempt === attempt && (row.state === 'RUNNING' || row.state === 'CANCELLING');
}

/** I7: what a driver was told is what the row says for ever after, and only a current driver is let in. */
export const answersAreTrue = ({ ledger }: World, record: DatabaseRecord): string[] => [
  ...ledger.completions.flatMap(({ id, attempt, state, step }) => {
    const row = record.attempts.find((of) => of.execution_id === id && of.attempt === attempt);
    if (!row) return [`${nameOfAttempt(id, attempt)}: acknowledged as ${state}, and not kept`];
    if (endedAfter(record, { id, attempt, step })) return [`${nameOfAttempt(id, attempt)}: acknowledged too soon`];
    return row.state === state ? [] : [`${nameOfAttempt(id, attempt)}: acknowledged as ${state}, kept as ${row.state}`];
  }),
  ...record.changes.flatMap(({ id, statement, before, call }) => {
    if (!before || !['begin', 'beat'].includes(statement)) return [];
    const isCurrent = before.state === 'RUNNING' || (statement === 'beat' && before.state === 'CANCELLING');
    return isCurrent ? [] : [`${nameOfAttempt(id, before.attempt)}: a ${statement} of ${call.process.name} changed it`];
  }),
];
