import { limits } from '../core/limits.ts';
import type { Lane } from '../db/executions/claim.ts';
import type { Claimed } from '../db/executions/claimed.ts';
import type { Engine } from './engine.ts';

/** For so long large claims go on where the last one ended; then one looks at the head of the line again. */
const onwardMs = 1_000;

/** How far a call has come in its line. */
export interface PlaceInLine {
  /** Behind which execution a claim of `limit` goes on; null for the head of the line. */
  next(limit: number): string | null;
  note(claimed: readonly Claimed[], limit: number): void;
}

/**
 * Where the large claims of one call are. Each that began at the head would walk over all that was claimed before it and
 * that no vacuum could remove, which an old snapshot forbids. So what joins the line before that place, at the same
 * priority, waits a second at most; one of a higher priority ends it. Small claims always begin at the head, and so does
 * whoever serves several lanes.
 */
export function placeInLine(engine: Engine, lanes: readonly Lane[]): PlaceInLine {
  let last: string | null = null;
  let headMs = 0;
  return {
    next(limit) {
      const isLarge = lanes.length === 1 && limit >= limits.gatedClaim;
      if (isLarge && last !== null && engine.monotonicMs() - headMs < onwardMs) return last;
      headMs = engine.monotonicMs();
      return null;
    },
    note(claimed, limit) {
      last = claimed.length < limit ? null : (claimed.at(-1)?.id ?? null);
    },
  };
}
