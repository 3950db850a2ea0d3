import { findEnded } from '../db/executions/find-ended.ts';
import type { Finish, Finished } from '../db/executions/finish.ts';
import { endAttempts } from './end-attempts.ts';
import type { Engine } from './engine.ts';
import { insist } from './insist.ts';

/**
 * Writes how attempts of this process ended, and goes on trying while their lease may live: they are fenced, and so safe to
 * repeat. What an earlier try wrote, whose answer was lost, is read back and answered like the rest.
 */
export async function writeOutcomes(engine: Engine, batch: readonly Finish[]): Promise<Finished[]> {
  let tries = 0;
  return insist(engine, { seconds: engine.settings.leaseSeconds, event: 'outcomes_not_written' }, async () => {
    tries += 1;
    const finished = await endAttempts(engine, batch);
    if (tries === 1 || finished.length === batch.length) return finished;
    const ids = new Set(finished.map(({ id }) => id));
    return [
      ...finished,
      ...(await findEnded(
        engine.db,
        batch.filter(({ id }) => !ids.has(id)),
      )),
    ];
  });
}
