import { MobulaError } from '../core/errors.ts';
import { messageOf } from '../core/observe.ts';
import type { Engine } from './engine.ts';

/** Between tries; the last one is repeated. */
const pausesMs = [200, 500, 1_000, 2_000] as const;

/**
 * What a write answers that is safe to repeat, asked again while the database is away, for `seconds`. Any other error is
 * thrown at once: asking again would not mend it.
 */
export async function insist<T>(
  engine: Engine,
  { seconds, event }: { seconds: number; event: string },
  write: () => Promise<T>,
): Promise<T> {
  const endMs = engine.monotonicMs() + seconds * 1_000;
  for (let tries = 0; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      const pauseMs = pausesMs[Math.min(tries, pausesMs.length - 1)] ?? 0;
      const isAway = error instanceof MobulaError && error.code === 'database_unavailable';
      if (!isAway || engine.monotonicMs() + pauseMs > endMs) throw error;
      engine.log('warn', event, { reason: messageOf(error) });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
