import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until what is seen is as wished, and answers it; throws with the last sight after `seconds`. Works in hooks too. */
export async function until<T>(
  look: () => T | Promise<T>,
  isAsWished: (seen: T) => boolean,
  { seconds = 20, everyMs = 50 } = {},
): Promise<T> {
  const endMs = performance.now() + seconds * 1_000;
  for (;;) {
    const seen = await look();
    if (isAsWished(seen)) return seen;
    if (performance.now() > endMs) throw new Error(`After ${seconds} s it is still ${JSON.stringify(seen)}.`);
    await sleep(everyMs);
  }
}
