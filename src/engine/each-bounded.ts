import { mapBounded } from '../core/map-bounded.ts';

/** Does `work` for each item, at most `atOnce` at a time; the first error stops new ones and is thrown. */
export async function eachBounded<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  await mapBounded(items, atOnce, work);
}
