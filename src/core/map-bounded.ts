/** What `work` makes of each item, in their order, at most `atOnce` at a time; the first error stops new ones and is thrown. */
export async function mapBounded<Item, Made>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Made>,
): Promise<Made[]> {
  const made: Made[] = new Array(items.length);
  const queue = items.entries();
  const lanes = Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const [index, item] of queue) made[index] = await work(item);
  });
  await Promise.all(lanes);
  return made;
}
