import { sql } from 'drizzle-orm';
import { type Executor, isAmong, now, seconds, tableOf, unestimated } from '../db.ts';
import type { Begun } from './begin.ts';
import { inputOf } from './claimed.ts';

/** One of the attempts that ask to begin together; the nonce as for one alone. */
export interface BeginAsked {
  readonly id: string;
  readonly attempt: number;
  readonly nonce: string;
}

/** What an attempt was told: its task and input; that the answer had no room for them, so that it may ask again; or no. */
export type BeginTold = { readonly kind: 'begun'; readonly begun: Begun } | { readonly kind: 'later' | 'stale' };

interface Row {
  place: number;
  is_later: boolean;
  task: string | null;
  timeout_seconds: number | null;
  input: string | null;
}

const mayBegin = sql`e.state = 'RUNNING' and e.runner <> 'inline'`;

/**
 * Opens the gate for attempts, each as `beginAttempt` does for one, in one statement. Inputs beyond `inputBytesMax` wait for
 * another call, but the first. Answers in the order asked. Rows are locked by id, so that overlapping batches queue up.
 */
export async function beginAttempts(
  db: Executor,
  asked: readonly BeginAsked[],
  { checkSeconds, inputBytesMax }: { checkSeconds: number; inputBytesMax: number },
): Promise<BeginTold[]> {
  const placed = asked.map((one, place) => ({ ...one, place }));
  const rows = await db.execute<Row>(sql`
    with asked as materialized (
      select * from ${tableOf(placed, { id: 'uuid', attempt: 'integer', nonce: 'uuid', place: 'integer' })}
        as a(id, attempt, nonce, place)
    ),
    sized as materialized (
      select a.*, sum(octet_length(i.input)) over (order by a.place) - octet_length(i.input) >= ${inputBytesMax} as is_later
      from asked a join mobula.inputs i on i.execution_id = a.id
      where ${isAmong(sql`i.execution_id`, sql`asked`)}
    ),
    open as materialized (
      select s.* from sized s join mobula.executions e on e.id = s.id
      where ${isAmong(sql`e.id`, sql`asked`)} and not s.is_later and e.attempt = s.attempt and ${unestimated(mayBegin, sql`s`)}
        and (e.nonce is null or e.nonce = s.nonce)
      order by e.id for no key update of e
    ),
    begun as (
      update mobula.executions e
      set nonce = o.nonce, begun_at = coalesce(e.begun_at, ${now}), beat_at = ${now}, ray_ended_at = null,
        holder = null, check_at = ${now} + ${seconds(checkSeconds)},
        version = case when e.nonce is null then e.version + 1 else e.version end,
        epoch = case when e.nonce is null then e.epoch + 1 else e.epoch end
      from open o
      where ${isAmong(sql`e.id`, sql`asked`)} and e.id = o.id and e.attempt = o.attempt and ${unestimated(mayBegin, sql`o`)}
        and (e.nonce is null or e.nonce = o.nonce)
      returning e.id, o.place, e.task, e.timeout_seconds
    )
    select s.place, s.is_later, b.task, b.timeout_seconds, ${inputOf(sql`b.id`)}
    from sized s left join begun b on b.place = s.place`);
  const told: BeginTold[] = asked.map(() => ({ kind: 'stale' }));
  for (const row of rows) told[row.place] = toTold(row);
  return told;
}

function toTold({ is_later, task, input, timeout_seconds: timeoutSeconds }: Row): BeginTold {
  if (task !== null && input !== null) return { kind: 'begun', begun: { task, input, timeoutSeconds } };
  return { kind: is_later ? 'later' : 'stale' };
}
