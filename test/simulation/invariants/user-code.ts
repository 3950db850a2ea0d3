import { type DatabaseRecord, nameOfAttempt, rowAt } from '../database/record.ts';
import type { CodeRun } from '../ledger.ts';
import type { World } from '../world.ts';

/** I2 and I3: user code starts once for each attempt, only while that is current, and two attempts never overlap. */
export function codeRunsAlone(world: World, record: DatabaseRecord): string[] {
  const { codeRuns } = world.ledger;
  return codeRuns.flatMap((run) => [
    ...(isRepeated(run, codeRuns) ? [`${nameOf(run)}: its code started twice`] : []),
    ...(isCurrent(run, record) || mayBeLate(run, record)
      ? []
      : [`${nameOf(run)}: its code started when it was not current`]),
    ...codeRuns
      .filter((later) => later.id === run.id && later.attempt > run.attempt)
      .filter((later) => activeMsAfter(run, later.fromMs) > 0 && !mayBeLate(run, record))
      .map((later) => `${nameOf(run)}: its code still ran when that of attempt ${later.attempt} started`),
  ]);
}

const nameOf = ({ id, attempt }: CodeRun): string => nameOfAttempt(id, attempt);

const isRepeated = (run: CodeRun, all: readonly CodeRun[]): boolean =>
  all.some((other) => other !== run && other.id === run.id && other.attempt === run.attempt);

function isCurrent({ id, attempt, fromStep }: CodeRun, record: DatabaseRecord): boolean {
  const row = rowAt(record, id, fromStep);
  return row?.attempt === attempt && (row.state === 'RUNNING' || row.state === 'CANCELLING');
}

export const endMsOf = ({ toMs, process }: CodeRun): number =>
  Math.min(toMs ?? Number.POSITIVE_INFINITY, process.diedAtMs ?? Number.POSITIVE_INFINITY);

/** How long it really ran after an instant: a frozen process runs nothing. */
function activeMsAfter(run: CodeRun, ms: number): number {
  const from = Math.max(ms, run.fromMs);
  const to = endMsOf(run);
  const frozen = run.process.freezes.reduce((sum, span) => {
    return sum + Math.max(0, Math.min(span.toMs, to) - Math.max(span.fromMs, from));
  }, 0);
  return Math.max(0, to - from) - frozen;
}

/**
 * The two exceptions that are published: inline code in a frozen invocation or deaf to its abort signal, and a driver that
 * was frozen while its cluster could not be asked. A cluster that has forgotten its jobs cannot be asked of them.
 */
function mayBeLate(run: CodeRun, { attempts }: DatabaseRecord): boolean {
  const { process } = run;
  const wasFrozen = process.freezes.some(({ fromMs }) => fromMs < endMsOf(run));
  if (process.kind === 'app') return run.wasDeaf || wasFrozen;
  const ended = attempts.find(({ execution_id, attempt }) => execution_id === run.id && attempt === run.attempt);
  const wasOutOfReach = /cannot be asked|no longer knows/.test(ended?.error?.message ?? '');
  return wasFrozen && wasOutOfReach;
}
