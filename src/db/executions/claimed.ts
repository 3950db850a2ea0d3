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
  /** JSON text. Null for an attempt on a cluster, whose driver asks for it, and where it is long: `readInput` has it. */
  readonly input: string | null;
}

/** The input by a look-up for each row: a join would be planned as a scan of all inputs there are. */
export const inputOf = (id: SQL): SQL =>
  sql`(select i.input from mobula.inputs i where i.execution_id = ${id}) as input`;

/** The same where it is short: a thousand of 1 MiB are more than a function has memory for, and than Neon sends at once. */
export const shortInputOf = (id: SQL): SQL => sql`(
  select case when octet_length(i.input) <= ${limits.claimedInputBytes} then i.input end
  from mobula.inputs i where i.execution_id = ${id}) as input`;

const columns: SQL = sql`c.id, c.task, c.attempt, c.epoch, c.max_attempts, c.timeout_seconds`;

/** What an answer has of each row of a statement's `claimed`, `c`, for code that runs here. */
export const columnsWithInput: SQL = sql`${columns}, ${shortInputOf(sql`c.id`)}`;

/** The order in which a claim takes and answers. */
export const inLine: SQL = sql`order by c.priority desc, c.due_at, c.id`;

/** All of a statement's `claimed`, for drivers that will ask for their inputs. */
export const readClaimed: SQL = sql`select ${columns} from claimed c ${inLine}`;

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
