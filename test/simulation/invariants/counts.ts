import { finalStates, isFinal } from '../../../src/core/execution.ts';
import type { Change, DatabaseRecord } from '../database/record.ts';
import type { World } from '../world.ts';

/** I11, I13 and I14: nothing waits without a time, the cap holds at every moment, and every count is right in the end. */
export function countsAreRight({ plan }: World, { changes, executions, running, tallies }: DatabaseRecord): string[] {
  const inFlight = new Set<string>();
  const problems: string[] = [];
  for (const change of changes) {
    if (isOnCluster(change.after)) inFlight.add(change.id);
    else inFlight.delete(change.id);
    if (inFlight.size > plan.settings.concurrency) problems.push(`${inFlight.size} attempts at once on Ray`);
    if (isUnplanned(change.after)) problems.push(`${change.id.slice(-4)}: in flight, and nobody will look after it`);
  }
  if (running !== inFlight.size) problems.push(`the cluster counts ${running} attempts, and has ${inFlight.size}`);
  for (const state of finalStates) {
    const count = executions.filter((row) => row.state === state).length;
    if (Number(tallies[state] ?? 0) !== count) problems.push(`${tallies[state] ?? 0} counted ${state}, ${count} there`);
  }
  return problems;
}

type Row = Change['after'];

const isOnCluster = (row: Row): boolean =>
  row !== null && row.cluster !== null && (row.state === 'RUNNING' || row.state === 'CANCELLING');

const isUnplanned = (row: Row): boolean =>
  row !== null && row.state !== 'QUEUED' && !isFinal(row.state) && row.check_at === null;
