/** Chance that a seed decides: the same faults in the same order, though not at the same instants. */
export interface Dice {
  /** 0 ≤ x < 1. */
  roll(): number;
  between(least: number, most: number): number;
  pick<T>(of: readonly T[]): T;
  shuffle<T>(of: readonly T[]): T[];
}

/** Mulberry32: small, and good enough to choose with. */
export function makeDice(seed: number): Dice {
  let state = seed >>> 0;
  const roll = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    roll,
    between: (least, most) => least + roll() * (most - least),
    pick: (of) => of[Math.floor(roll() * of.length)] as (typeof of)[number],
    shuffle: (of) =>
      of
        .map((item) => ({ item, at: roll() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ item }) => item),
  };
}
