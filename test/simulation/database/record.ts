import type { AttemptError, AttemptState } from '../../../src/core/attempt.ts';
import type { State } from '../../../src/core/execution.ts';
import type { Call } from '../clockwork/process.ts';
import type { World } from '../world.ts';
import type { SimulatedDatabase } from './database.ts';
import type { StatementName } from './statements.ts';

/** A row of `mobula.executions`, as far as a promise is about it. */
export interface ExecutionRow {
  readonly id: string;
  readonly task: string;
  readonly state: State;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly version: number;
  readonly epoch: number;
  readonly runner: string | null;
  readonly cluster: string | null;
  readonly nonce: string | null;
  readonly claimed_at: string | null;
  readonly begun_at: string | null;
  readonly beat_at: string | null;
  readonly check_at: string | null;
  readonly progress: string | null;
  readonly timeout_seconds: number | null;
  readonly idempotency_key: string | null;
  readonly shared_job: string | null;
}

/** What one statement made of one row, and when that could be seen. */
export interface Change {
  readonly id: string;
  readonly before: ExecutionRow | null;
  readonly after: ExecutionRow | null;
  readonly step: number;
  readonly seenStep: number;
  readonly call: Call;
  readonly statement: StatementName;
}

export interface AttemptRow {
  readonly execution_id: string;
  readonly attempt: number;
  readonly state: AttemptState;
  readonly runner: string;
  readonly claimed_at: string;
  readonly begun_at: string | null;
  readonly ended_at: string;
  readonly error: AttemptError | null;
  readonly shared_job: string | null;
  readonly result_state: string;
  readonly result: string | null;
  readonly result_reference: string | null;
  readonly result_sha256: string | null;
}

/** All that the database knows in the end, and all that its executions ever were. */
export interface DatabaseRecord {
  readonly changes: readonly Change[];
  readonly executions: readonly ExecutionRow[];
  /** Each that ever ended, purged or not. */
  readonly attempts: readonly AttemptRow[];
  readonly running: number;
  readonly tallies: Readonly<Record<string, number>>;
  readonly objects: readonly { readonly reference: string }[];
}

/** Reads it, past the product. */
export async function readRecord(world: World, { watcher }: SimulatedDatabase): Promise<DatabaseRecord> {
  const { rows } = await watcher.query(`select
    (select coalesce(json_agg(h order by seq), '[]') from simulation.history h) as history,
    (select coalesce(json_agg(e order by id), '[]') from mobula.executions e) as executions,
    (select coalesce(json_agg(ended order by seq), '[]') from simulation.attempts) as attempts,
    (select coalesce(sum(running), 0) from mobula.capacity)::integer as running,
    (select coalesce(json_object_agg(state, count), '{}') from
      (select state, sum(count) as count from mobula.final_tallies group by state) t) as tallies,
    (select coalesce(json_agg(o), '[]') from mobula.result_objects o) as objects`);
  const [row] = rows as [Omit<DatabaseRecord, 'changes'> & { history: Omit<Change, 'seenStep' | 'call'>[] }];
  const changes = row.history.map((change) => {
    const writer = world.ledger.writers.get(change.step);
    if (!writer) throw new Error(`Nobody has written what step ${change.step} wrote.`);
    return { ...change, ...writer, seenStep: world.statements.seenAtStep.get(change.step) ?? change.step };
  });
  const attempts = row.attempts.map((attempt) => ({
    ...attempt,
    error: attempt.error === null ? null : JSON.parse(attempt.error as unknown as string),
  }));
  return { ...row, changes, attempts };
}

/** The row as everybody could see it at a step; null before it was stored and after it was purged. */
export function rowAt({ changes }: DatabaseRecord, id: string, step: number): ExecutionRow | null {
  const seen = changes.filter((change) => change.id === id && change.seenStep < step);
  return seen.at(-1)?.after ?? null;
}

export const msOf = (instant: string): number => Date.parse(instant);

/** An execution and an attempt, in the few characters that tell them apart in one run. */
export const nameOfAttempt = (id: string, attempt: number): string => `${id.slice(-4)}-a${attempt}`;
