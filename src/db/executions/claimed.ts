import { type SQL, sql } from 'drizzle-orm';
import { limits } from '../../core/limits.ts';
import type { Executor } from '../db.ts';

/** An attempt that this invocation now owns, with all it needs to be started. */
export interface Claimed {
  readonly id: string;
  readonly task: string;
  readonly attempt: number;
  /** The fence of this invocation's writes. */
  readonly epoch: number;
  readonly maxAttempts: number;
  /** As given at enqueue; null where the task and the settings decide. */
  readonly timeoutSeconds: number | null;
  /** JSON text. Null for an attempt on a cluster, whose driver asks for it, and where `readInput` has to. */
  readonly input: string | null;
}

/** The input by a look-up for each row: a join would be planned as a scan of all inputs there are. */
export const inputOf = (id: SQL): SQL =>
  sql`(select i.input from mobula.inputs i where i.execution_id = ${id}) as input`;

/** The order in which a claim takes and answers. */
export const inLine: SQL = sql`order by c.priority desc, c.due_at, c.id`;

/** The `claimed` of a statement, for an answer without inputs. */
export const readClaimed: SQL = sql`
  select c.id, c.task, c.attempt, c.epoch, c.max_attempts, c.timeout_seconds from claimed c ${inLine}`;

/**
 * The `claimed` of a statement with as many inputs, in line, as come to `limits.claimedBytes`: a thousand of 1 MiB are more
 * than most functions have memory for, and than Neon sends at once. Fenced by `offset`, or each input would be looked up
 * for its length and once more for itself.
 */
export const claimedWithInputs: SQL = sql`(
  select w.id, w.task, w.attempt, w.epoch, w.max_attempts, w.timeout_seconds, w.priority, w.due_at,
    case when sum(octet_length(w.input)) over (order by w.priority desc, w.due_at, w.id rows unbounded preceding)
      <= ${limits.claimedBytes} then w.input end as input
  from (select k.*, ${inputOf(sql`k.id`)} from claimed k offset 0) w)`;

/** The input of a claimed execution that did not come along; null where there is no such execution. */
export async function readInput(db: Executor, id: string): Promise<string | null> {
  const [row] = await db.execute<{ input: string }>(
    sql`select i.input from mobula.inputs i where i.execution_id = ${id}`,
  );
  return row?.input ?? null;
}

export interface ClaimedRow {
  id: string;
  task: string;
  attempt: number;
  epoch: number | string;
  max_attempts: number;
  timeout_seconds: number | null;
  input?: string | null;
}

export const toClaimed = (row: ClaimedRow): Claimed => ({
  id: row.id,
  task: row.task,
  attempt: row.attempt,
  epoch: Number(row.epoch),
  maxAttempts: row.max_attempts,
  timeoutSeconds: row.timeout_seconds,
  input: row.input ?? null,
});
