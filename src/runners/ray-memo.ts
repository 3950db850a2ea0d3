/** A value loaded at most once in `lifeMs`, shared by all who ask meanwhile; one that fails `isGood` is not kept. */
export interface Memo<Value> {
  get(): Promise<Value>;
  forget(): void;
}

/** Makes a memo. It saves calls and nothing more: whoever holds it must be right with a value `lifeMs` old. */
export function memo<Value>(
  load: () => Promise<Value>,
  { lifeMs, isGood, now }: { lifeMs: number; isGood: (value: Value) => boolean; now: () => number },
): Memo<Value> {
  let kept: { readonly value: Promise<Value>; readonly until: number } | null = null;
  return {
    async get() {
      if (kept === null || now() >= kept.until) kept = { value: load(), until: now() + lifeMs };
      const mine = kept;
      const value = await mine.value;
      if (kept === mine && !isGood(value)) kept = null;
      return value;
    },
    forget() {
      kept = null;
    },
  };
}
