import { type SQL, sql } from 'drizzle-orm';
import type { TaskForm } from '../../core/task.ts';
import { columnsOf, type Executor, now, toDate } from '../db.ts';

/** One execution to be stored, every value decided but the time. */
export interface NewExecution {
  readonly id: string;
  readonly task: string;
  readonly form: TaskForm;
  /** JSON text. */
  readonly input: string;
  readonly metadata: string | null;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  /** An instant, or seconds from now, or neither for at once. */
  readonly runAfter: Date | null;
  readonly delaySeconds: number | null;
  readonly timeoutSeconds: number | null;
  readonly queueTimeoutSeconds: number | null;
  readonly uniqueKey: string | null;
}

/** The instants the database gave to a stored execution. */
export interface Enqueued {
  readonly id: string;
  readonly enqueuedAt: Date;
  readonly runAfter: Date | null;
}

/** What was asked under an idempotency key: the same key with another digest is another request. */
export interface IdempotencyKey {
  readonly key: string;
  /** Lower-case hex. */
  readonly requestSha256: string;
  /** The request has the key already; the rows are stored under it all the same. */
  readonly isTaken?: boolean;
}

/**
 * Stores executions, all or none, as QUEUED. Missing from the answer are those whose `unique_key` an unfinished
 * execution holds; an empty answer under a used idempotency key means that nothing was stored. Safe to repeat under
 * a key; without one a repeat stores again. A `gate` is a statement run with this one: without a row of its, nothing is stored.
 */
export async function insertExecutions(
  db: Executor,
  rows: readonly NewExecution[],
  key: IdempotencyKey | null,
  gate: SQL = sql`select 1`,
): Promise<Enqueued[]> {
  const of = columnsOf(rows);
  const stored = await db.execute<{ id: string; enqueued_at: Date | string; run_after: Date | string | null }>(sql`
    with key as (${key && !key.isTaken ? insertKey(key, of('id', 'uuid')) : gate}),
    wanted as materialized (
      select w.*, ${now} as at, case when w.delay_seconds is null then w.asked_after
        else ${now} + make_interval(secs => w.delay_seconds) end as run_after
      from unnest(${of('id', 'uuid')}, ${of('task', 'text')},
        ${of('form', 'mobula.task_form')}, ${of('input', 'text')},
        ${of('metadata', 'text')}, ${of('queue', 'text')}, ${of('priority', 'smallint')},
        ${of('maxAttempts', 'integer')}, ${of('runAfter', 'timestamptz')},
        ${of('delaySeconds', 'double precision')}, ${of('timeoutSeconds', 'double precision')},
        ${of('queueTimeoutSeconds', 'double precision')}, ${of('uniqueKey', 'text')})
        as w(id, task, form, input, metadata, queue, priority, max_attempts, asked_after, delay_seconds,
          timeout_seconds, queue_timeout_seconds, unique_key)
      where exists (select from key)
    ),
    stored as (
      insert into mobula.executions (id, task, form, queue, priority, max_attempts, enqueued_at, run_after, due_at,
        ready, expires_at, timeout_seconds, queue_timeout_seconds, unique_key, idempotency_key)
      select id, task, form, queue, priority, max_attempts, at, run_after, greatest(run_after, at),
        run_after is null or run_after <= at, greatest(run_after, at) + make_interval(secs => queue_timeout_seconds),
        timeout_seconds, queue_timeout_seconds, unique_key, ${key?.key ?? null}
      from wanted
      on conflict (task, unique_key) where unique_key is not null and state in ('QUEUED', 'RUNNING', 'CANCELLING')
        do nothing
      returning id, enqueued_at, run_after
    ),
    kept as (
      insert into mobula.inputs (execution_id, input, metadata)
      select s.id, w.input, w.metadata from stored s join wanted w on w.id = s.id
    )
    select id, enqueued_at, run_after from stored`);
  return stored.map((row) => ({
    id: row.id,
    enqueuedAt: toDate(row.enqueued_at),
    runAfter: row.run_after === null ? null : toDate(row.run_after),
  }));
}

/** Waits for a concurrent call with the same key to commit, and then takes nothing. */
const insertKey = (key: IdempotencyKey, executionIds: SQL) => sql`
  insert into mobula.idempotency_keys (key, request_sha256, execution_ids, created_at)
  values (${key.key}, decode(${key.requestSha256}, 'hex'), ${executionIds}, ${now})
  on conflict (key) do nothing returning 1`;
