import { sql } from 'drizzle-orm';
import { type Executor, now, seconds } from '../db.ts';

export interface BeginOptions {
  readonly id: string;
  readonly attempt: number;
  /** Chosen by the driver; the same one may ask again when an answer was lost. */
  readonly nonce: string;
  /** When somebody should look after it for the first time. */
  readonly checkSeconds: number;
}

export interface Begun {
  readonly task: string;
  readonly input: string;
  readonly timeoutSeconds: number | null;
}

/**
 * Opens the gate: user code of this attempt may start, once. Null is a refusal, and then it must not: the attempt is no
 * longer current, was cancelled, or another driver has begun it. The same nonce is let in again while it runs. The
 * epoch grows, so that a verdict reached before ("never began") is refused.
 */
export async function beginAttempt(db: Executor, options: BeginOptions): Promise<Begun | null> {
  const [row] = await db.execute<{ task: string; input: string; timeout_seconds: number | null }>(sql`
    with begun as (
      update mobula.executions e
      set nonce = ${options.nonce}, begun_at = coalesce(e.begun_at, ${now}), beat_at = ${now}, ray_ended_at = null,
        holder = null, check_at = ${now} + ${seconds(options.checkSeconds)},
        version = case when e.nonce is null then e.version + 1 else e.version end,
        epoch = case when e.nonce is null then e.epoch + 1 else e.epoch end
      where e.id = ${options.id} and e.attempt = ${options.attempt} and e.state = 'RUNNING' and e.runner <> 'inline'
        and (e.nonce is null or e.nonce = ${options.nonce})
      returning e.id, e.task, e.timeout_seconds
    )
    select b.task, b.timeout_seconds, i.input from begun b join mobula.inputs i on i.execution_id = b.id`);
  return row ? { task: row.task, input: row.input, timeoutSeconds: row.timeout_seconds } : null;
}
