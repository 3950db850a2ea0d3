import { sql } from 'drizzle-orm';
import { type Executor, list, now } from './db.ts';

/** An object of a result store, by its reference. */
export interface ResultObject {
  readonly reference: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Announces an object before it is uploaded: only announced ones are ever deleted. Repeatable. */
export async function registerObject(db: Executor, object: ResultObject): Promise<void> {
  await db.execute(sql`
    insert into mobula.result_objects (reference, sha256, bytes, registered_at)
    values (${object.reference}, ${object.sha256}, ${object.bytes}, ${now})
    on conflict (reference) do update set registered_at = ${now}`);
}

/** Whether this very object was announced. */
export async function isRegistered(db: Executor, reference: string): Promise<boolean> {
  const rows = await db.execute(sql`select 1 from mobula.result_objects where reference = ${reference}`);
  return rows.length > 0;
}

/** Forgets those of `references` that no execution refers to any more, and answers them: their objects may be removed. */
export async function releaseObjects(db: Executor, references: readonly string[]): Promise<string[]> {
  const rows = await db.execute<{ reference: string }>(sql`
    delete from mobula.result_objects o
    where o.reference = any(${list(references, 'text')})
      and not exists (select from mobula.attempts a where a.result_reference = o.reference and a.result_state = 'stored')
    returning o.reference`);
  return rows.map(({ reference }) => reference);
}
