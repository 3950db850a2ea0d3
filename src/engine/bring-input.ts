import { type Claimed, readInput } from '../db/executions/claimed.ts';
import type { Engine } from './engine.ts';
import { insist } from './insist.ts';

/** A claimed attempt with all that its code needs. */
export type Startable = Claimed & { readonly input: string };

export const isStartable = (claimed: Claimed): claimed is Startable => claimed.input !== null;

/**
 * Reads the input that was too long to come along with its claim. Null where it cannot be read while the lease may live, or
 * came when nothing may start any more: nothing of the attempt has begun, so it can be handed back.
 */
export async function bringInput(engine: Engine, claimed: Claimed, mayStart: () => boolean): Promise<Startable | null> {
  const patience = { seconds: engine.settings.leaseSeconds, event: 'input_not_read' };
  const input = await insist(engine, patience, () => readInput(engine.db, claimed.id)).catch(() => null);
  return input !== null && mayStart() ? { ...claimed, input } : null;
}
