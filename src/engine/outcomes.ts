import { limits } from '../core/limits.ts';
import type { Finish, Finished } from '../db/executions/finish.ts';
import type { Engine } from './engine.ts';
import { writeOutcomes } from './write-outcomes.ts';

/** Outcomes wait for company this long before they are written. */
const flushMs = 50;

/** Outcomes on their way into the database, together. */
export interface Outcomes {
  add(finish: Finish): void;
  /** Resolves when all that was added is written; throws where it could not be. */
  written(): Promise<void>;
}

/** Told what was written, and which of it was handed back unstarted. */
export type OnFinished = (finished: readonly Finished[], handedBack: ReadonlySet<string>) => void;

/** Collects outcomes and writes them by number (a thousand), by size (8 MiB) and by time (50 ms), one statement at a time. */
export function collectOutcomes(engine: Engine, onFinished: OnFinished): Outcomes {
  const waiting: Finish[] = [];
  let bytes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    bytes = 0;
    const batch = waiting.splice(0);
    if (batch.length === 0) return;
    const handedBack = new Set(batch.filter(({ ending }) => ending === 'RELEASED').map(({ id }) => id));
    writing = writing.then(async () => onFinished(await writeOutcomes(engine, batch), handedBack));
    writing.catch(() => undefined); // said by written()
  }

  return {
    add(finish) {
      waiting.push(finish);
      bytes += finish.result?.value?.length ?? 0;
      if (waiting.length >= limits.flushOutcomes || bytes >= limits.flushBytes) flush();
      else timer ??= setTimeout(flush, flushMs);
    },
    written() {
      flush();
      return writing;
    },
  };
}
