import type { Server } from '../../test/support/server.ts';
import { ask, type Heard } from './api.ts';
import type { Dice } from './dice.ts';
import { type Observed, startObserving } from './observe.ts';

/** What callers asked and heard. */
export interface Book {
  /** How often each operation was asked, and how often the app or the network refused it. */
  readonly tally: Map<string, { asked: number; refused: number }>;
  /** Ids whose enqueue was acknowledged. */
  readonly acknowledged: string[];
  /** Ids whose cancel was acknowledged, less those that were or may be retried. */
  readonly cancelled: Set<string>;
  readonly observed: Observed;
  /** Answers that no outage excuses. */
  readonly surprises: string[];
  /** Asks any of the servers, and notes all of it. */
  ask(name: string, method: string, path: string, options?: Parameters<typeof ask>[3]): Promise<Heard>;
}

export function openBook(servers: readonly Server[], dice: Dice): Book {
  const tally: Book['tally'] = new Map();
  const surprises: string[] = [];
  const observed = startObserving();
  return {
    tally,
    surprises,
    observed,
    acknowledged: [],
    cancelled: new Set(),
    async ask(name, method, path, options) {
      const heard = await ask(dice.pick(servers), method, path, options);
      const { asked, refused } = tally.get(name) ?? { asked: 0, refused: 0 };
      const isRefused = heard === null || heard.status >= 500;
      tally.set(name, { asked: asked + 1, refused: refused + (isRefused ? 1 : 0) });
      if (isSurprise(heard)) surprises.push(`${name}: ${heard?.status} ${heard?.json?.code}`);
      observed.look(heard);
      return heard;
    },
  };
}

/** 409 is an answer: what callers ask may have been done meanwhile. */
const isSurprise = (heard: Heard): boolean =>
  heard !== null && heard.status >= 400 && ![409, 503].includes(heard.status);
