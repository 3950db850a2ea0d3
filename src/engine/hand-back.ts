import { messageOf } from '../core/observe.ts';
import { findHeld } from '../db/executions/find-held.ts';
import { finishAttempts } from '../db/executions/finish.ts';
import type { Engine } from './engine.ts';
import { handedBack } from './finish.ts';
import { insist } from './insist.ts';

/** Its caller waits for the answer that the database is away. */
const patience = { seconds: 5, event: 'claim_not_read_back' };

/**
 * Hands back what an invocation holds and never saw, because the answer of its claim was lost: to be called when all that
 * it did see is written. Where it cannot, the lease lapses, and the attempts count as lost.
 */
export async function handBackUnseen(engine: Engine, invocationId: string): Promise<void> {
  try {
    await insist(engine, patience, async () => {
      const held = await findHeld(engine.db, invocationId);
      await finishAttempts(engine.db, held.map(handedBack));
    });
  } catch (error) {
    engine.log('warn', patience.event, { reason: messageOf(error) });
  }
}
