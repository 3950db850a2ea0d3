import { canAfford } from './afford.ts';
import type { Engine } from './engine.ts';

/** What one call may still spend: its time, and how many executions it may claim. */
export interface Budget {
  /** Whether more may be started: by the time, and by the requests that a platform may count. */
  hasTime(): boolean;
  /** Whether time or count has forbidden to claim more; `remaining` is told by it. */
  isSpent(): boolean;
  secondsLeft(): number;
  /** Takes up to `wanted` executions out of the count; give back what was not claimed. */
  take(wanted: number): number;
  giveBack(count: number): void;
  /** Whether the count has a limit, so that the order across runners matters. */
  readonly isCounted: boolean;
}

/** `maxTasks` 0 is as many as fit. Claiming stops when a tenth of the time is left, for the flush and the answer. */
export function makeBudget(
  engine: Pick<Engine, 'monotonicMs' | 'requestsLeft' | 'closing'>,
  seconds: number,
  maxTasks: number,
): Budget {
  const { monotonicMs, closing } = engine;
  const endMs = monotonicMs() + seconds * 1_000;
  let left = maxTasks === 0 ? Number.POSITIVE_INFINITY : maxTasks;
  const secondsLeft = () => (endMs - monotonicMs()) / 1_000;
  const hasTime = () => !closing.aborted && secondsLeft() > seconds / 10 && canAfford(engine);
  return {
    isCounted: maxTasks > 0,
    secondsLeft,
    hasTime,
    isSpent: () => left <= 0 || !hasTime(),
    take(wanted) {
      const taken = Math.min(wanted, left);
      left -= taken;
      return taken;
    },
    giveBack(count) {
      left += count;
    },
  };
}
