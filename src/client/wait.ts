import type { Execution } from './execution.ts';
import { jittered, pause } from './pause.ts';

export interface WaitOptions<Output = unknown> {
  /** Ends the wait with its reason. `AbortSignal.timeout(60_000)` is a bound; without a signal there is none. */
  readonly signal?: AbortSignal | undefined;
  /** Called with what the first look shows and with every change after it, the last included. */
  readonly onChange?: ((execution: Execution<Output>) => void) | undefined;
  /**
   * How long the server may hold a look until there is news, at most 60; 20 unless said. 0 asks from time to time
   * instead: for platforms that bill by the second, and for pages that wait for many at once.
   */
  readonly holdSeconds?: number | undefined;
}

/** What a look found; its ETag lets the server hold the next one until that is no longer true. */
export interface Sight<Output> {
  readonly execution: Execution<Output>;
  readonly etag: string | null;
}

export interface LookOptions {
  readonly signal?: AbortSignal | undefined;
  readonly etag?: string | null;
  readonly holdSeconds?: number;
  readonly tries?: number;
}

/** Null where all is still as the ETag says. */
export type Look<Output> = (options: LookOptions) => Promise<Sight<Output> | null>;

/** Before the server is asked to hold a call: a task that reports progress without pause should not be met without one. */
const breathMs = 250;

/**
 * Looks until the execution is final, and gives it as it is then. The first look comes back at once and is tried a few
 * times, as any call is: what is configured wrongly shows itself. After it an outage ends nothing, only the signal does.
 */
export async function waitUntilFinal<Output>(
  look: Look<Output>,
  { signal, onChange, holdSeconds = 20 }: WaitOptions<Output>,
): Promise<Execution<Output>> {
  let seen = (await look({ signal })) as Sight<Output>;
  onChange?.(seen.execution);
  while (seen.execution.pollAfterMs !== null) {
    const next = await lookAgain(look, seen, { signal, holdSeconds });
    if (next.execution.version !== seen.execution.version) onChange?.(next.execution);
    seen = next;
  }
  return seen.execution;
}

/** Holds on for news; but what is not worth asking after for longer than that, being not yet due, is left alone first. */
async function lookAgain<Output>(
  look: Look<Output>,
  seen: Sight<Output>,
  { signal, holdSeconds }: { signal: AbortSignal | undefined; holdSeconds: number },
): Promise<Sight<Output>> {
  const tries = Number.POSITIVE_INFINITY;
  const pollAfterMs = seen.execution.pollAfterMs ?? 0;
  if (pollAfterMs > holdSeconds * 1_000) {
    await pause(jittered(pollAfterMs), signal);
    return (await look({ signal, tries })) ?? seen;
  }
  await pause(breathMs, signal);
  const startedMs = performance.now();
  const next = await look({ signal, tries, etag: seen.etag, holdSeconds });
  if (next && next.execution.version !== seen.execution.version) return next;
  // A server that is about to end, or has no time, holds nothing.
  const leftMs = pollAfterMs - (performance.now() - startedMs);
  if (leftMs > 0) await pause(jittered(leftMs), signal);
  return next ?? seen;
}
