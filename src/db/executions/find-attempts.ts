import { sql } from 'drizzle-orm';
import type { Attempt, AttemptState } from '../../core/attempt.ts';
import { jobOf } from '../../core/ids.ts';
import type { RunnerName } from '../../core/runner.ts';
import { type Executor, tableOf, toDate, toDateOrNull } from '../db.ts';

interface Row {
  attempt: number;
  state: AttemptState;
  runner: RunnerName;
  cluster: string | null;
  shared_job: string | null;
  claimed_at: Date | string;
  begun_at: Date | string | null;
  ended_at: Date | string | null;
  error: string | null;
}

/** All attempts of an execution, oldest first; one in flight comes last, without an end. */
export async function findAttempts(db: Executor, id: string): Promise<Attempt[]> {
  const rows = await db.execute<Row>(sql`
    select attempt, state, runner, cluster, shared_job, claimed_at, begun_at, ended_at, error
    from mobula.attempts where execution_id = ${id}
    union all
    select attempt, 'RUNNING', runner, cluster, shared_job, claimed_at, begun_at, null, null
    from mobula.executions where id = ${id} and state in ('RUNNING', 'CANCELLING')
    order by 1`);
  return rows.map((row) => ({
    attempt: row.attempt,
    state: row.state,
    runner: row.runner,
    claimedAt: toDate(row.claimed_at),
    begunAt: toDateOrNull(row.begun_at),
    endedAt: toDateOrNull(row.ended_at),
    rayJobId: row.runner === 'ray_job' ? jobOf({ id, attempt: row.attempt, sharedJob: row.shared_job }) : null,
    error: row.error,
  }));
}

/**
 * Where the attempt that this very driver began stands: RUNNING while it is current, then how its own outcome was
 * recorded, for a driver that lost the answer. Null is a stale driver: it never began, or its attempt was ended without it.
 */
export async function findDrivenState(
  db: Executor,
  { id, attempt, nonce }: { id: string; attempt: number; nonce: string },
): Promise<AttemptState | null> {
  const [row] = await db.execute<{ state: AttemptState }>(sql`
    select state from mobula.attempts where execution_id = ${id} and attempt = ${attempt} and nonce = ${nonce}
    union all
    select 'RUNNING' from mobula.executions
    where id = ${id} and attempt = ${attempt} and nonce = ${nonce} and state in ('RUNNING', 'CANCELLING')`);
  return row?.state ?? null;
}

/** How the outcomes of many drivers were recorded, each as `findDrivenState` says it once it is over; by execution id. */
export async function findEndedStates(
  db: Executor,
  driven: readonly { readonly id: string; readonly attempt: number; readonly nonce: string }[],
): Promise<ReadonlyMap<string, AttemptState>> {
  if (driven.length === 0) return new Map();
  const rows = await db.execute<{ id: string; state: AttemptState }>(sql`
    select a.execution_id as id, a.state
    from ${tableOf(driven, { id: 'uuid', attempt: 'integer', nonce: 'uuid' })} as d(id, attempt, nonce)
    join mobula.attempts a on a.execution_id = d.id and a.attempt = d.attempt and a.nonce = d.nonce`);
  return new Map(rows.map(({ id, state }) => [id, state]));
}
