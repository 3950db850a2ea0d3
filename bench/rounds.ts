/** The value below which a share of the list lies; the median for 0.5. */
export function quantile(list: readonly number[], share: number): number {
  const sorted = list.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (list: readonly number[]): number => quantile(list, 0.5);

/** The same in another order, so that what one leaves behind in a round is not always the same one's. */
export const shuffled = <Each>(list: readonly Each[]): Each[] =>
  list
    .map((each) => ({ each, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ each }) => each);
