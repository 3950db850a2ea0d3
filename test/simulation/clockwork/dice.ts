/** Chance, all of it from one seed: the same seed throws the same numbers, on every machine. */
export interface Dice {
  /** 0 ≤ x < 1. */
  next(): number;
  between(low: number, high: number): number;
  whole(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** An UUID of version 4. */
  uuid(): string;
}

/** Dice of a seed; `use` names what they are for, so that one use throwing more often does not change another. */
export function diceOf(seed: number, use: string): Dice {
  const next = generator(mix(seed, use));
  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const hex = (length: number) => Array.from({ length }, () => whole(0, 15).toString(16)).join('');
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    whole,
    chance: (probability) => next() < probability,
    pick: <Item>(items: readonly Item[]) => items[whole(0, items.length - 1)] as Item,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  };
}

/** FNV-1a over the use, begun with the seed. */
function mix(seed: number, use: string): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (const character of `${seed}/${use}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return hash;
}

/** Mulberry32: small, fast, and good enough to choose who goes next. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
