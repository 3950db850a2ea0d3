import { limits } from '../core/limits.ts';
import { type ClaimOptions, claimInline, claimInlineAtGate } from '../db/executions/claim.ts';
import type { Claimed } from '../db/executions/claimed.ts';
import type { Engine } from './engine.ts';

/** Between tries at the gate, lengthened by up to as much again. After the last one the claim goes in without. */
const pausesMs = [2, 5, 20, 40, 80, 160, 160, 160] as const;

/**
 * Claims inline executions; a large claim waits its turn, so that a burst of calls does not fight for rows. The gate is
 * for speed alone: nobody waits for it longer than about a second, and no row depends on it.
 */
export async function claimInTurn(engine: Engine, options: ClaimOptions): Promise<Claimed[]> {
  if (options.limit < limits.gatedClaim) return claimInline(engine.db, options);
  for (const pauseMs of pausesMs) {
    const turnstile = Math.floor(engine.random() * limits.claimsAtOnce);
    const claimed = await claimInlineAtGate(engine.db, options, turnstile);
    if (claimed) return claimed;
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (1 + engine.random())));
  }
  return claimInline(engine.db, options);
}
