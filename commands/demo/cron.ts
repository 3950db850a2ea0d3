import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, RunAnswer } from './api.ts';

/** How often a cron would call, were it not bound to whole minutes. */
const periodMs = 1_000;

export interface Cron {
  /** Ends with `stop`, or with an abort, or by throwing what a call has thrown. */
  readonly ended: Promise<void>;
  /** Lets the call that is under way finish. */
  stop(): Promise<void>;
}

/** Calls `POST /run` once a second, one call after the other, and tells what each did. */
export function startCron(api: Api, abort: AbortSignal, onRun: (answer: RunAnswer) => void): Cron {
  const stopped = new AbortController();
  const signal = AbortSignal.any([stopped.signal, abort]);
  const ended = callUntil(signal).catch((error) => {
    if (!signal.aborted) throw error;
  });
  return {
    ended,
    stop() {
      stopped.abort();
      return ended;
    },
  };

  async function callUntil(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      const nextAt = performance.now() + periodMs;
      onRun(await api.run());
      await sleep(Math.max(0, nextAt - performance.now()), undefined, { signal: end });
    }
  }
}

/** What a `/run` did, in words; null where there was nothing to do. */
export function wordsFor({ tasks, processed, submitted, recovered, ray }: RunAnswer): string | null {
  const names = toNames(tasks.map(({ task }) => task));
  const words = [
    submitted > 0 && `starts on Ray: ${names}`,
    submitted === 0 && processed > 0 && `ran ${names}`,
    recovered > 0 && `finds that ${recovered === 1 ? 'an attempt has' : `${recovered} attempts have`} died`,
    ray === 'unreachable' && 'cannot reach Ray',
  ];
  return words.filter(Boolean).join('; ') || null;
}

const toNames = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
