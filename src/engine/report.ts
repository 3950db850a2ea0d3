import { isFinal, type State } from '../core/execution.ts';
import { limits } from '../core/limits.ts';
import type { Finished } from '../db/executions/finish.ts';

export interface ReportedTask {
  readonly id: string;
  readonly task: string;
  state: State;
}

/** What one `/run` did, counted as contract §3.1 names it. */
export interface Report {
  /** Executions claimed by this call; at most the first 1,000 are listed. */
  processed: number;
  readonly tasks: Map<string, ReportedTask>;
  submitted: number;
  /** Final states written by this call. */
  completed: number;
  retried: number;
  recovered: number;
  expired: number;
  enqueued: number;
}

export const emptyReport = (): Report => ({
  processed: 0,
  tasks: new Map(),
  submitted: 0,
  completed: 0,
  retried: 0,
  recovered: 0,
  expired: 0,
  enqueued: 0,
});

export function noteClaimed(report: Report, claimed: readonly { readonly id: string; readonly task: string }[]): void {
  report.processed += claimed.length;
  for (const { id, task } of claimed) {
    if (report.tasks.size >= limits.runTasksListed) return;
    report.tasks.set(id, { id, task, state: 'RUNNING' });
  }
}

/** `handedBack` are those of them that were never started: QUEUED again, but not retried. */
export function noteFinished(
  report: Report,
  finished: readonly Finished[],
  handedBack: ReadonlySet<string> = new Set(),
): void {
  for (const { id, state } of finished) {
    if (isFinal(state)) report.completed += 1;
    else if (!handedBack.has(id)) report.retried += 1;
    const listed = report.tasks.get(id);
    if (listed) listed.state = state;
  }
}
