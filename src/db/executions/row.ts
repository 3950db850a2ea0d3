import { type SQL, sql } from 'drizzle-orm';
import type { Execution, ResultState, State } from '../../core/execution.ts';
import { jobOf } from '../../core/ids.ts';
import type { RunnerName } from '../../core/runner.ts';
import { toDate, toDateOrNull } from '../db.ts';

type Instant = Date | string;

/** An execution as `selectExecutions` gives it, before drivers' differences are evened out. */
export interface ExecutionRow {
  id: string;
  task: string;
  state: State;
  queue: string;
  priority: number;
  attempt: number;
  max_attempts: number;
  run_after: Instant | null;
  enqueued_at: Instant;
  started_at: Instant | null;
  claimed_at: Instant | null;
  finished_at: Instant | null;
  version: number | string;
  progress: string | null;
  metadata: string | null;
  runner: RunnerName | null;
  cluster: string | null;
  shared_job: string | null;
  error: string | null;
  result_state: ResultState;
  result: string | null;
  result_reference: string | null;
  result_bytes: number | string | null;
  result_sha256: string | null;
  result_reason: string | null;
}

/**
 * Executions `e` with the value of their success and the error of their last failed attempt. Both come by primary key
 * from history, so the hot row need not carry them; length and digest of an inline value are computed here, once read.
 */
export const selectExecutions: SQL = sql`
  select e.id, e.task, e.state, e.queue, e.priority, e.attempt, e.max_attempts, e.run_after, e.enqueued_at,
    e.started_at, e.claimed_at, e.finished_at, e.version, e.progress, e.runner, e.cluster, e.shared_job, i.metadata, f.error,
    coalesce(a.result_state, 'none') as result_state, a.result, a.result_reference, a.result_reason,
    coalesce(a.result_bytes, octet_length(a.result)) as result_bytes,
    coalesce(a.result_sha256, encode(sha256(convert_to(a.result, 'UTF8')), 'hex')) as result_sha256
  from mobula.executions e
  left join mobula.inputs i on i.execution_id = e.id
  left join mobula.attempts a on a.execution_id = e.id and a.attempt = e.attempt and e.state = 'SUCCEEDED'
  left join lateral (
    select t.error from mobula.attempts t
    where t.execution_id = e.id and t.error is not null and e.state <> 'SUCCEEDED'
    order by t.attempt desc limit 1
  ) f on true`;

export function toExecution(row: ExecutionRow): Execution {
  return {
    id: row.id,
    task: row.task,
    state: row.state,
    queue: row.queue,
    priority: row.priority,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    runAfter: toDateOrNull(row.run_after),
    enqueuedAt: toDate(row.enqueued_at),
    startedAt: toDateOrNull(row.started_at),
    lastAttemptedAt: toDateOrNull(row.claimed_at),
    finishedAt: toDateOrNull(row.finished_at),
    version: Number(row.version),
    progress: row.progress,
    metadata: row.metadata,
    error: row.error,
    result: {
      state: row.result_state,
      value: row.result,
      reference: row.result_reference,
      bytes: row.result_bytes === null ? null : Number(row.result_bytes),
      sha256: row.result_sha256,
      reason: row.result_reason,
    },
    ray: row.cluster === null ? null : { jobId: jobOf({ ...row, sharedJob: row.shared_job }), address: row.cluster },
  };
}
