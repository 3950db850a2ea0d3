import { sql } from 'drizzle-orm';
import { type Executor, now } from '../db.ts';

export interface Beat {
  readonly id: string;
  readonly attempt: number;
  readonly nonce: string;
  /** JSON text, or null where there is nothing new. */
  readonly progress: string | null;
}

/**
 * Notes that the driver that began this attempt is alive. `cancel` asks it to end; null tells it that the attempt is
 * over. A beat moves no indexed column; progress is visible to observers and so raises the version.
 */
export async function beatAttempt(db: Executor, beat: Beat): Promise<{ readonly cancel: boolean } | null> {
  const [row] = await db.execute<{ cancel: boolean }>(sql`
    update mobula.executions
    set beat_at = ${now}, progress = coalesce(${beat.progress}, progress),
      version = version + case when ${beat.progress}::text is null then 0 else 1 end
    where id = ${beat.id} and attempt = ${beat.attempt} and nonce = ${beat.nonce} and state in ('RUNNING', 'CANCELLING')
    returning state = 'CANCELLING' as cancel`);
  return row ?? null;
}

/** Progress of an inline attempt, fenced by its invocation's epoch; false where it is not current any more. */
export async function reportProgress(
  db: Executor,
  { id, epoch, progress }: { id: string; epoch: number; progress: string },
): Promise<boolean> {
  const rows = await db.execute(sql`
    update mobula.executions set progress = ${progress}, version = version + 1
    where id = ${id} and epoch = ${epoch} and state = 'RUNNING' returning 1`);
  return rows.length > 0;
}
