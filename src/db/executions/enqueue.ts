import { type SQL, sql } from 'drizzle-orm';
import type { TaskForm } from '../../core/task.ts';
import { type Executor, list, now, tableOf, toDate } from '../db.ts';
import { perShape } from '../filled.ts';

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
  gate: SQL | null = null,
): Promise<Enqueued[]> {
  const [only] = rows;
  const isPlain = only !== undefined && rows.length === 1 && !key && !gate;
  const [answer] = await db.execute<Answer>(isPlain ? insertOne(only) : insert(rows, key, gate));
  return answer ? toEnqueued(rows, answer) : [];
}

function insert(rows: readonly NewExecution[], key: IdempotencyKey | null, gate: SQL | null): SQL {
  const ids = rows.map(({ id }) => id);
  const areUnique = rows.some(isUnique);
  return sql`
    with key as (${key && !key.isTaken ? insertKey(key, ids) : (gate ?? sql`select 1`)}),
    wanted as materialized (
      select w.*, ${now} as at, case when w.delay_seconds is null then w.asked_after
        else ${now} + make_interval(secs => w.delay_seconds) end as run_after
      from ${tableOf(rows, columns)}
        as w(id, task, form, input, metadata, queue, priority, max_attempts, asked_after, delay_seconds,
          timeout_seconds, queue_timeout_seconds, unique_key)
      where exists (select from key)
    ),
    stored as (
      insert into mobula.executions (id, task, form, queue, priority, max_attempts, enqueued_at, run_after, due_at,
        ready, expires_at, timeout_seconds, queue_timeout_seconds, unique_key, idempotency_key)
      select id, task, form, queue, priority, max_attempts, at, run_after, greatest(run_after, at),
        run_after is null or run_after <= at, greatest(run_after, at) + make_interval(secs => queue_timeout_seconds),
        timeout_seconds, queue_timeout_seconds, unique_key, ${key ? key.key : none}
      from wanted
      ${areUnique ? unlessHeld : sql``} returning id, run_after
    ),
    kept as (
      insert into mobula.inputs (execution_id, input, metadata)
      select w.id, w.input, w.metadata from wanted w ${areUnique ? sql`join stored s on s.id = w.id` : sql``}
    )
    select ${now} as enqueued_at, ${key || gate || areUnique ? onlySome(rows.length) : none}::text as only,
      ${rows.some(isPlanned) ? delayed : none}::text as delayed`;
}

const insertOne = perShape<NewExecution>((row) => insert([row], null, null));

const columns = {
  id: 'uuid',
  task: 'text',
  form: 'mobula.task_form',
  input: 'text',
  metadata: 'text',
  queue: 'text',
  priority: 'smallint',
  maxAttempts: 'integer',
  runAfter: 'timestamptz',
  delaySeconds: 'double precision',
  timeoutSeconds: 'double precision',
  queueTimeoutSeconds: 'double precision',
  uniqueKey: 'text',
} as const;

const unlessHeld = sql`
      on conflict (task, unique_key) where unique_key is not null and state in ('QUEUED', 'RUNNING', 'CANCELLING')
        do nothing`;

const none = sql.raw('null');

const isUnique = ({ uniqueKey }: NewExecution): boolean => uniqueKey !== null;

const isPlanned = ({ runAfter, delaySeconds }: NewExecution): boolean => runAfter !== null || delaySeconds !== null;

const onlySome = (all: number): SQL => sql`
  case when (select count(*) from stored) < ${all} then (select coalesce(json_agg(id), '[]') from stored) end`;

const delayed = sql`(select json_object_agg(id, extract(epoch from run_after) * 1000) from stored where run_after is not null)`;

/** One row for any number: to make one of each and to read it would cost as much as to store it. */
interface Answer {
  enqueued_at: Date | string;
  /** JSON of the ids that were stored; null for all. */
  only: string | null;
  /** JSON of milliseconds since 1970 by id, of those with a `run_after`. */
  delayed: string | null;
}

function toEnqueued(rows: readonly NewExecution[], { enqueued_at, only, delayed }: Answer): Enqueued[] {
  const enqueuedAt = toDate(enqueued_at);
  const stored = only === null ? rows : rowsAmong(rows, JSON.parse(only));
  const instants: Readonly<Record<string, number>> = JSON.parse(delayed ?? '{}');
  return stored.map(({ id }) => ({ id, enqueuedAt, runAfter: toInstant(instants[id]) }));
}

const toInstant = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms));

function rowsAmong(rows: readonly NewExecution[], ids: readonly string[]): NewExecution[] {
  const some = new Set(ids);
  return rows.filter(({ id }) => some.has(id));
}

/** Waits for a concurrent call with the same key to commit, and then takes nothing. */
const insertKey = (key: IdempotencyKey, executionIds: readonly string[]) => sql`
  insert into mobula.idempotency_keys (key, request_sha256, execution_ids, created_at)
  values (${key.key}, decode(${key.requestSha256}, 'hex'), ${list(executionIds, 'uuid')}, ${now})
  on conflict (key) do nothing returning 1`;
