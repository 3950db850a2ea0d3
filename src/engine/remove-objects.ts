import { limits } from '../core/limits.ts';
import { messageOf } from '../core/observe.ts';
import { forgetObjects } from '../db/result-objects.ts';
import { eachBounded } from './each-bounded.ts';
import type { Engine } from './engine.ts';

/** Removes marked objects from the store and forgets them; answers how many. What cannot be removed now stays marked. */
export async function removeObjects({ db, store, log }: Engine, references: readonly string[]): Promise<number> {
  const removed: string[] = [];
  await eachBounded(references, limits.storeCallsAtOnce, async (reference) => {
    try {
      if (await store.remove(reference)) removed.push(reference);
    } catch (error) {
      log('warn', 'object_not_removed', { reference, reason: messageOf(error) });
    }
  });
  if (removed.length > 0) await forgetObjects(db, removed);
  return removed.length;
}
