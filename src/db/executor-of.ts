import type { SQL } from 'drizzle-orm';
import type { Executor } from './db.ts';
import { pgExecutor, type Queryable } from './drivers/pooled.ts';

/** Any Drizzle database or transaction of the `pg` dialect, whatever its driver. */
export interface DrizzleLike {
  execute(statement: SQL): PromiseLike<unknown>;
}

/** What a caller may hand to `enqueue`: our own database, Drizzle's, or a client of node-postgres. */
export type DatabaseHandle = Executor | DrizzleLike | Queryable;

/** Makes one port of the three, so that a statement joins the transaction its caller is in. */
export function executorOf(handle: DatabaseHandle): Executor {
  if ('execute' in handle) {
    return {
      async execute<Row extends object>(statement: SQL): Promise<Row[]> {
        const answer = await handle.execute(statement);
        return (Array.isArray(answer) ? answer : (answer as { rows: Row[] }).rows) as Row[];
      },
    };
  }
  return pgExecutor(handle);
}
