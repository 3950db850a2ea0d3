import { limits } from '../core/limits.ts';
import type { Claimed } from '../db/executions/claimed.ts';
import { bringInput, isStartable } from './bring-input.ts';
import type { Engine } from './engine.ts';
import { handedBack } from './finish.ts';
import { type Held, runInline } from './inline-attempt.ts';
import { collectOutcomes, type OnFinished } from './outcomes.ts';

/** A claim that is used up faster than this may be twice as large the next time. */
const quickMs = 250;

/** Claimed executions on their way through this process, `concurrency` at once. */
export interface Pool {
  /** How many to claim next. */
  appetite(): number;
  add(claimed: readonly Claimed[]): void;
  /** Resolves when all that was added has started and a place is free. */
  hungry(): Promise<void>;
  /** Resolves when all that was added has ended and is written; throws where it could not be written. */
  drained(): Promise<void>;
}

export interface PoolOptions {
  /** Reaches the running code. */
  readonly held: Held;
  /** Whether another one may start; what may not is handed back. */
  readonly mayStart: () => boolean;
  readonly onFinished: OnFinished;
}

/** Opens an empty pool. */
export function startPool(engine: Engine, { held, mayStart, onFinished }: PoolOptions): Pool {
  const { concurrency } = engine.settings;
  const outcomes = collectOutcomes(engine, onFinished);
  const waiting: Claimed[] = [];
  const listeners = new Set<() => void>();
  let running = 0;
  let pace = concurrency;
  let addedMs = 0;

  function pump(): void {
    while (running < concurrency && waiting.length > 0) {
      const claimed = waiting.shift() as Claimed;
      if (mayStart()) void runOne(claimed);
      else outcomes.add(handedBack(claimed));
    }
    for (const listener of listeners) listener();
  }

  async function runOne(claimed: Claimed): Promise<void> {
    running += 1;
    const ready = isStartable(claimed) ? claimed : await bringInput(engine, claimed, mayStart);
    outcomes.add(ready ? await runInline(engine, ready, held) : handedBack(claimed));
    running -= 1;
    pump();
  }

  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const listener = () => {
        if (!condition()) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
      listener();
    });

  return {
    appetite: () => Math.max(1, pace),
    add(claimed) {
      waiting.push(...claimed);
      addedMs = engine.monotonicMs();
      pump();
    },
    async hungry() {
      await until(() => waiting.length === 0 && running < concurrency);
      const isQuick = engine.monotonicMs() - addedMs < quickMs;
      pace = isQuick ? Math.min(limits.claimBatch, pace * 2) : concurrency - running;
    },
    async drained() {
      await until(() => waiting.length === 0 && running === 0);
      await outcomes.written();
    },
  };
}
