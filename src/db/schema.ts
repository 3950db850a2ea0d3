import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  doublePrecision,
  index,
  integer,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { attemptStates } from '../core/attempt.ts';
import { states } from '../core/execution.ts';
import { runnerNames } from '../core/runner.ts';
import { taskForms } from '../core/task.ts';

/** A schema of its own, so that Mobula sits beside the tables of the application whose transactions enqueue. */
export const mobula = pgSchema('mobula');

export const executionState = mobula.enum('execution_state', states);
export const attemptState = mobula.enum('attempt_state', attemptStates);
export const taskForm = mobula.enum('task_form', taskForms);
export const runnerName = mobula.enum('runner_name', runnerNames);

const instant = (name: string) => timestamp(name, { withTimezone: true });
const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

/**
 * The hot row, narrow and fixed-width first: a claim and a completion each rewrite it. What is wide or written once
 * lies in `inputs` and `attempts`.
 *
 * No index names a column that a heartbeat changes (`beat_at`, `progress`, `version`), so beats stay heap-only.
 */
export const executions = mobula.table(
  'executions',
  {
    id: uuid('id').primaryKey(),
    enqueuedAt: instant('enqueued_at').notNull(),
    /** When it may be claimed: at once, as asked, or after the backoff. */
    dueAt: instant('due_at').notNull(),
    runAfter: instant('run_after'),
    /** When a QUEUED execution becomes EXPIRED; null is never. */
    expiresAt: instant('expires_at'),
    /** When somebody must look after it while it is in flight. */
    checkAt: instant('check_at'),
    claimedAt: instant('claimed_at'),
    startedAt: instant('started_at'),
    begunAt: instant('begun_at'),
    beatAt: instant('beat_at'),
    /** When Ray was first seen to call the job finished while no outcome had come. */
    rayEndedAt: instant('ray_ended_at'),
    finishedAt: instant('finished_at'),
    /** Fences our own invocations: grows with every change of ownership. */
    epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
    version: bigint('version', { mode: 'number' }).notNull().default(1),
    timeoutSeconds: doublePrecision('timeout_seconds'),
    queueTimeoutSeconds: doublePrecision('queue_timeout_seconds'),
    /** The invocation whose lease covers it: the claimer's, while inline code runs or a submission is under way. */
    holder: uuid('holder'),
    /** Fences drivers: chosen by the one that began this attempt. */
    nonce: uuid('nonce'),
    attempt: integer('attempt').notNull().default(0),
    maxAttempts: integer('max_attempts').notNull(),
    priority: smallint('priority').notNull().default(0),
    state: executionState('state').notNull().default('QUEUED'),
    form: taskForm('form').notNull(),
    /** Of the latest attempt. */
    runner: runnerName('runner'),
    /** Due, and so in the claim's index; delayed ones are promoted by `/run`. */
    ready: boolean('ready').notNull(),
    queue: text('queue').notNull(),
    task: text('task').notNull(),
    /** Where the latest attempt ran, for the runners that have a cluster. */
    cluster: text('cluster'),
    /** The cluster's incarnation that accepted the job; null until it is known to have. */
    raySession: text('ray_session'),
    /** The Ray job in which the latest attempt runs among others; null where it has one of its own. */
    sharedJob: text('shared_job'),
    uniqueKey: text('unique_key'),
    idempotencyKey: text('idempotency_key'),
    progress: text('progress'),
  },
  (t) => [
    // Equals the claim's ORDER BY within one lane (form, queue) and holds only what can be claimed now.
    // nullsFirst, because that is what `order by priority desc` means; otherwise the planner sorts.
    index('executions_claim')
      .on(t.form, t.queue, t.priority.desc().nullsFirst(), t.dueAt, t.id)
      .where(sql`state = 'QUEUED' and ready`),
    index('executions_delayed').on(t.dueAt).where(sql`state = 'QUEUED' and not ready`),
    index('executions_expiry').on(t.expiresAt).where(sql`state = 'QUEUED' and expires_at is not null`),
    // Two, because an inline attempt is looked after by its invocation's lease and needs no place among all others: a look
    // would walk over each that ended and that no vacuum could remove.
    index('executions_check').on(t.checkAt).where(sql`state in ('RUNNING', 'CANCELLING') and runner <> 'inline'`),
    index('executions_held').on(t.holder).where(sql`state in ('RUNNING', 'CANCELLING') and runner = 'inline'`),
    index('executions_finished').on(t.finishedAt).where(sql`finished_at is not null`),
    uniqueIndex('executions_unique_key')
      .on(t.task, t.uniqueKey)
      .where(sql`unique_key is not null and state in ('QUEUED', 'RUNNING', 'CANCELLING')`),
    check('executions_priority', sql`priority between -100 and 100`),
    check('executions_attempts', sql`attempt >= 0 and attempt <= max_attempts`),
    check('executions_names', sql`length(queue) between 1 and 200 and length(task) between 1 and 200`),
    check(
      'executions_finished_at',
      sql`(finished_at is not null) = (state in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'))`,
    ),
    check(
      'executions_in_flight',
      sql`state not in ('RUNNING', 'CANCELLING') or (attempt > 0 and runner is not null and claimed_at is not null and check_at is not null)`,
    ),
    check('executions_nonce', sql`nonce is null or begun_at is not null`),
    check('executions_cluster', sql`(runner is null or runner = 'inline') = (cluster is null)`),
  ],
);

/** What an execution was enqueued with: JSON text, written once and read by the claim or by begin. */
export const inputs = mobula.table('inputs', {
  executionId: uuid('execution_id').primaryKey(),
  input: text('input').notNull(),
  metadata: text('metadata'),
});

/** History: one row for each attempt that ended, appended by the statement that ended it. It carries the value. */
export const attempts = mobula.table(
  'attempts',
  {
    executionId: uuid('execution_id').notNull(),
    attempt: integer('attempt').notNull(),
    state: attemptState('state').notNull(),
    runner: runnerName('runner').notNull(),
    claimedAt: instant('claimed_at').notNull(),
    begunAt: instant('begun_at'),
    endedAt: instant('ended_at').notNull(),
    /** The Ray job's record may be deleted from then on; null once it is, and where there is none. */
    rayRecordUntil: instant('ray_record_until'),
    resultBytes: bigint('result_bytes', { mode: 'number' }),
    /** Of the driver whose own word ended it; null where the end was our verdict. */
    nonce: uuid('nonce'),
    cluster: text('cluster'),
    /** As in the execution. */
    sharedJob: text('shared_job'),
    /** JSON text of AttemptError. */
    error: text('error'),
    resultState: text('result_state').notNull().default('none'),
    /** JSON text of a value that is kept inline; its length and digest are computed when read. */
    result: text('result'),
    resultReference: text('result_reference'),
    resultSha256: text('result_sha256'),
    /** Why there is only a digest. */
    resultReason: text('result_reason'),
  },
  (t) => [
    primaryKey({ columns: [t.executionId, t.attempt] }),
    index('attempts_ray_record').on(t.cluster, t.rayRecordUntil).where(sql`ray_record_until is not null`),
    index('attempts_result_reference').on(t.resultReference).where(sql`result_state = 'stored'`),
    check('attempts_ended', sql`state <> 'RUNNING'`),
    check(
      'attempts_result',
      sql`case result_state
        when 'none' then result is null and result_reference is null
        when 'inline' then result is not null and state = 'SUCCEEDED'
        when 'stored' then result is null and result_reference is not null and result_bytes is not null and result_sha256 is not null and state = 'SUCCEEDED'
        when 'digest_only' then result is null and result_reference is not null and result_bytes is not null and result_sha256 is not null and state = 'SUCCEEDED'
        else false end`,
    ),
  ],
);

/** The lease of one invocation over all that it has claimed: one narrow row to renew, however many executions. */
export const invocations = mobula.table('invocations', {
  id: uuid('id').primaryKey(),
  leaseUntil: instant('lease_until').notNull(),
});

/** How many attempts are in flight on a cluster; changed by the very statements that start and end them. */
export const capacity = mobula.table(
  'capacity',
  {
    runner: runnerName('runner').notNull(),
    cluster: text('cluster').notNull(),
    running: integer('running').notNull().default(0),
    /** Grows with every change, so that a recount can tell whether it was overtaken. */
    changes: bigint('changes', { mode: 'number' }).notNull().default(0),
    /** The breaker: the cluster did not answer, and nobody asks it again before this. */
    awayUntil: instant('away_until'),
  },
  (t) => [primaryKey({ columns: [t.runner, t.cluster] }), check('capacity_running', sql`running >= 0`)],
);

/**
 * How many executions are in each final state, and how many values were ever kept by digest alone, as the sum of its rows:
 * appended by every statement that moves some.
 */
export const finalTallies = mobula.table('final_tallies', {
  state: executionState('state').notNull(),
  count: bigint('count', { mode: 'number' }).notNull(),
  digestOnly: bigint('digest_only', { mode: 'number' }).notNull().default(0),
});

/** When each schedule of the deployment is due next; it moves on in the statement that stores what was due. */
export const schedules = mobula.table('schedules', {
  name: text('name').primaryKey(),
  timetable: text('timetable').notNull(),
  nextAt: instant('next_at'),
});

/** Same key, same answer: kept for the life of the executions it made, and 90 days beyond their purge. */
export const idempotencyKeys = mobula.table(
  'idempotency_keys',
  {
    key: text('key').primaryKey(),
    requestSha256: bytea('request_sha256').notNull(),
    executionIds: uuid('execution_ids').array().notNull(),
    createdAt: instant('created_at').notNull(),
    purgedAt: instant('purged_at'),
    /** The ids were corrected after a unique key had been met; until then one of them may never have been stored. */
    settled: boolean('settled').notNull().default(false),
  },
  (t) => [
    index('idempotency_keys_purged').on(t.purgedAt).where(sql`purged_at is not null`),
    check('idempotency_keys_length', sql`length(key) between 1 and 255`),
  ],
);

/**
 * Objects of the result stores, registered before they are uploaded; only registered ones are ever deleted. An object is
 * removed in three steps (mark, delete the object, forget the row), so that nobody refers to one that is going.
 */
export const resultObjects = mobula.table(
  'result_objects',
  {
    reference: text('reference').primaryKey(),
    sha256: text('sha256').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    /** The latest announcement of an upload. */
    registeredAt: instant('registered_at').notNull(),
    /** Announcements whose completion has not come: while there are any, the object is not removed with its last row. */
    pending: integer('pending').notNull().default(1),
    /** Its removal is under way; it can be announced again once that is done. */
    removingAt: instant('removing_at'),
  },
  (t) => [index('result_objects_registered').on(t.registeredAt), check('result_objects_pending', sql`pending >= 0`)],
);
