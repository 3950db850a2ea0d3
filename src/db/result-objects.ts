import { sql } from 'drizzle-orm';
import { limits } from '../core/limits.ts';
import { type Executor, list, now, seconds } from './db.ts';

/** An object of a result store, by its reference. */
export interface ResultObject {
  readonly reference: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Announces an upload, before it is made. False: the object is being removed at this moment, and asking again helps. Each
 * announcement holds the object until the attempt that made it ends with it.
 */
export async function registerObject(db: Executor, object: ResultObject): Promise<boolean> {
  const rows = await db.execute(sql`
    insert into mobula.result_objects as o (reference, sha256, bytes, registered_at)
    values (${object.reference}, ${object.sha256}, ${object.bytes}, ${now})
    on conflict (reference) do update set registered_at = ${now}, pending = o.pending + 1 where o.removing_at is null
    returning 1`);
  return rows.length > 0;
}

/** Whether this very object was announced and is not being removed. */
export async function isRegistered(db: Executor, reference: string): Promise<boolean> {
  const rows = await db.execute(
    sql`select 1 from mobula.result_objects where reference = ${reference} and removing_at is null`,
  );
  return rows.length > 0;
}

/**
 * Marks those of `references` that no execution refers to and no upload is under way for, and answers them: their
 * objects may be removed now, and then be forgotten. A completion at the same moment counts as an upload under way.
 */
export async function markUnreferenced(db: Executor, references: readonly string[]): Promise<string[]> {
  const rows = await db.execute<{ reference: string }>(sql`
    update mobula.result_objects o set removing_at = ${now}
    where o.reference = any(${list(references, 'text')}) and o.pending = 0 and o.removing_at is null
      and ${isUnreferenced}
    returning o.reference`);
  return rows.map(({ reference }) => reference);
}

/** The same for up to `limit` objects that were announced more than a day ago: what crashes and failed uploads left. */
export async function markOrphans(db: Executor, limit: number): Promise<string[]> {
  const rows = await db.execute<{ reference: string }>(sql`
    with old as materialized (
      select o.reference from mobula.result_objects o
      where o.registered_at < ${now} - ${seconds(limits.orphanObjectSeconds)} and ${isUnreferenced}
        and (o.removing_at is null or o.removing_at < ${now} - ${seconds(limits.removalSeconds)})
      order by o.registered_at limit ${limit} for no key update skip locked
    )
    update mobula.result_objects o set removing_at = ${now} from old where o.reference = old.reference
    returning o.reference`);
  return rows.map(({ reference }) => reference);
}

/** Forgets objects that were marked and are gone from the store. */
export async function forgetObjects(db: Executor, references: readonly string[]): Promise<void> {
  await db.execute(sql`
    delete from mobula.result_objects
    where reference = any(${list(references, 'text')}) and removing_at is not null`);
}

const isUnreferenced = sql`not exists (
  select from mobula.attempts a where a.result_reference = o.reference and a.result_state = 'stored')`;
