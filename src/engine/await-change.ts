import { type Execution, isFinal } from '../core/execution.ts';
import { findExecution, findExecutions, type Sight } from '../db/executions/find.ts';
import { canAfford } from './afford.ts';
import type { Engine } from './engine.ts';

const firstPauseMs = 100;
const longestPauseMs = 1_000;

/**
 * Looks at an execution until its version is news, it is final, `seconds` have passed, or the process is about to end;
 * answers the last look, null where there is none such. Without `isKnown` news is what differs from the first look. The
 * pauses grow from a tenth of a second to one.
 */
export async function awaitChange(
  engine: Engine,
  { id, isKnown, seconds }: { id: string; isKnown?: ((version: number) => boolean) | undefined; seconds: number },
): Promise<Sight | null> {
  const endMs = engine.monotonicMs() + seconds * 1_000;
  let sight = await findExecution(engine.db, id);
  const first = sight?.execution.version;
  const isNews = ({ version, state }: Execution) => isFinal(state) || !(isKnown ? isKnown(version) : version === first);
  for (
    let pauseMs = firstPauseMs;
    sight && !isNews(sight.execution);
    pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)
  ) {
    const leftMs = endMs - engine.monotonicMs();
    if (leftMs <= 0 || engine.closing.aborted || !canAfford(engine)) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)));
    sight = await findExecution(engine.db, id);
  }
  return sight;
}

/** The same until all of `ids` are final: what `Prefer: wait` asks for. Answers them as last seen. */
export async function awaitFinal(engine: Engine, ids: readonly string[], seconds: number): Promise<Execution[]> {
  const endMs = engine.monotonicMs() + seconds * 1_000;
  let seen = await findExecutions(engine.db, ids);
  for (
    let pauseMs = firstPauseMs;
    seen.some(({ state }) => !isFinal(state));
    pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)
  ) {
    const leftMs = endMs - engine.monotonicMs();
    if (leftMs <= 0 || engine.closing.aborted || !canAfford(engine)) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)));
    seen = await findExecutions(engine.db, ids);
  }
  return seen;
}
