import { sql } from 'drizzle-orm';
import type { State } from '../../core/execution.ts';
import { limits } from '../../core/limits.ts';
import type { RunnerName } from '../../core/runner.ts';
import { type Executor, isAmong, now, seconds, tableOf, unestimated } from '../db.ts';
import { isInFlight } from '../in-flight.ts';
import { tally } from './tally.ts';

/**
 * How an attempt ended, as far as the one who saw it knows. The row decides what follows: CANCELLING ends CANCELLED
 * whatever came, and FAILED or LOST is QUEUED again where `retryable` and attempts are left.
 *
 * RELEASED: handed back before user code began, due as it was. NEVER_BEGAN: the start failed; due again after `delaySeconds`.
 * Both raise `max_attempts` by one and leave the queue timeout where it was, which bounds them.
 */
export type Ending = 'SUCCEEDED' | 'FAILED' | 'LOST' | 'CANCELLED' | 'RELEASED' | 'NEVER_BEGAN';

/** One attempt's end, with the fence of its writer: an invocation's epoch or a driver's nonce. Without either it is stale. */
export interface Finish {
  readonly id: string;
  readonly attempt: number;
  readonly epoch: number | null;
  readonly nonce: string | null;
  readonly ending: Ending;
  readonly retryable: boolean;
  /** Until the next attempt, if one follows. */
  readonly delaySeconds: number;
  /** JSON text of AttemptError. */
  readonly error: string | null;
  readonly result: FinishedValue | null;
}

/** The columns of a value; `value` is JSON text where it is kept inline. */
export interface FinishedValue {
  readonly state: 'inline' | 'stored' | 'digest_only';
  readonly value: string | null;
  readonly reference: string | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly reason: string | null;
}

/** Where an execution stands after its attempt ended, with what an operator wants to read of the attempt. */
export interface Finished {
  readonly id: string;
  readonly state: State;
  readonly task: string;
  readonly queue: string;
  readonly priority: number;
  readonly attempt: number;
  readonly runner: RunnerName;
  /** From begin, or from the claim where it never began, to the end. */
  readonly durationSeconds: number;
}

/** Whether another attempt follows, from the row `e` as it is when written and the ending `f`. */
const follows = sql`(e.state <> 'CANCELLING' and (f.unbegun or (f.retryable and e.attempt < e.max_attempts)))`;

const next = sql`(case when e.state = 'CANCELLING' then 'CANCELLED' when ${follows} then 'QUEUED' else f.final end)`;

const retryAt = sql`${now} + make_interval(secs => f.delay)`;

/** What the statement needs of an ending, decided here as far as it does not depend on the row. */
function toColumns({ id, attempt, epoch, nonce, ending, retryable, delaySeconds, error, result }: Finish) {
  const unbegun = ending === 'RELEASED' || ending === 'NEVER_BEGAN';
  const { state: resultState, value, reference, bytes, sha256, reason } = result ?? nothing;
  return {
    id,
    attempt,
    epoch,
    nonce,
    final: unbegun ? null : ending,
    unbegun,
    released: ending === 'RELEASED',
    retryable: retryable && (ending === 'FAILED' || ending === 'LOST'),
    delaySeconds,
    error,
    resultState,
    value,
    reference,
    bytes,
    sha256,
    reason,
  };
}

const columns = {
  id: 'uuid',
  attempt: 'integer',
  epoch: 'bigint',
  nonce: 'uuid',
  final: 'mobula.execution_state',
  unbegun: 'boolean',
  released: 'boolean',
  retryable: 'boolean',
  delaySeconds: 'double precision',
  error: 'text',
  resultState: 'text',
  value: 'text',
  reference: 'text',
  bytes: 'bigint',
  sha256: 'text',
  reason: 'text',
} as const;

const nothing = { state: null, value: null, reference: null, bytes: null, sha256: null, reason: null };

/**
 * Ends attempts, any number in one statement: the execution moves on, history gets its row, the cluster its slot. Answers
 * those that moved; a missing one was stale, and no byte of it changed. Repeatable for that reason.
 */
export async function finishAttempts(db: Executor, finishes: readonly Finish[]): Promise<Finished[]> {
  if (finishes.length === 0) return [];
  const rows = finishes.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(toColumns); // one lock order for overlapping batches
  return db.execute<Finished>(sql`
    with f as materialized (
      select * from ${tableOf(rows, columns)}
        as f(id, attempt, epoch, nonce, final, unbegun, released, retryable, delay, error, result_state, result, reference,
          bytes, sha256, reason)
    ),
    ended as (
      update mobula.executions e
      set state = ${next}, version = e.version + 1, epoch = e.epoch + 1, holder = null, check_at = null, ray_ended_at = null,
        ready = ${follows} and (f.released or f.delay = 0),
        max_attempts = e.max_attempts + case when f.unbegun and ${follows} then 1 else 0 end,
        due_at = case when not f.released and ${follows} then ${retryAt} else e.due_at end,
        run_after = case when not f.released and ${follows} then ${retryAt} else e.run_after end,
        expires_at = case when f.retryable and ${follows}
          then ${retryAt} + make_interval(secs => e.queue_timeout_seconds) else e.expires_at end,
        finished_at = case when ${follows} then null else ${now} end
      from f
      where ${isAmong(sql`e.id`, sql`f`)} and e.id = f.id and e.attempt = f.attempt and ${unestimated(isInFlight, sql`f`)}
        and (f.epoch is null or e.epoch = f.epoch) and (f.nonce is null or e.nonce = f.nonce)
        and num_nonnulls(f.epoch, f.nonce) > 0
      returning e.state, e.task, e.queue, e.priority, e.runner, e.cluster, e.shared_job, e.claimed_at, e.begun_at, e.state = 'SUCCEEDED' as succeeded, f.*
    ),
    kept as (
      insert into mobula.attempts (execution_id, attempt, state, runner, cluster, shared_job, claimed_at, begun_at, ended_at, nonce,
        ray_record_until, error, result_state, result, result_reference, result_bytes, result_sha256, result_reason)
      select id, attempt, (case when state = 'CANCELLED' then 'CANCELLED' when unbegun then 'RELEASED'
          else final::text end)::mobula.attempt_state,
        runner, cluster, shared_job, claimed_at, begun_at, ${now}, nonce,
        case when runner = 'ray_job' then ${now} + ${seconds(limits.rayRecordSeconds)} end, error,
        case when succeeded then result_state else 'none' end, case when succeeded then result end,
        case when succeeded then reference end, case when succeeded then bytes end,
        case when succeeded then sha256 end, case when succeeded then reason end
      from ended
    ),
    held as (
      update mobula.result_objects o set pending = greatest(0, o.pending - n.count)
      from (select reference, count(*) from ended where result_state = 'stored' group by 1) n
      where o.reference = n.reference
    ),
    counted as (${tally(sql`ended`, { digestOnly: sql`count(*) filter (where succeeded and result_state = 'digest_only')` })}),
    freed as (
      update mobula.capacity c set running = c.running - d.count, changes = c.changes + 1
      from (select runner, cluster, count(*) from ended where cluster is not null group by runner, cluster) d
      where c.runner = d.runner and c.cluster = d.cluster
    )
    select id, state, task, queue, priority, attempt, runner,
      extract(epoch from ${now} - coalesce(begun_at, claimed_at))::float8 as "durationSeconds" from ended`);
}
