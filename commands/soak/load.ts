import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../test/support/server.ts';
import { type Book, openBook } from './book.ts';
import type { Dice } from './dice.ts';
import { makeOperations } from './operations.ts';

const callers = 4;
const pauseMs = 60;
const callersOfRay = 3;

export interface Load {
  readonly book: Book;
  /** Lets every call that is under way end. */
  stop(): Promise<void>;
}

/** Callers of all that can be called, on any of the servers, until stopped. */
export function startLoad(servers: readonly Server[], dice: Dice): Load {
  const book = openBook(servers, dice);
  const stopped = new AbortController();
  const { any, seeThroughOnRay } = makeOperations(book, dice, stopped.signal);

  async function repeat(act: () => Promise<unknown>, everyMs: number): Promise<void> {
    while (!stopped.signal.aborted) {
      await act();
      await sleep(everyMs);
    }
  }

  const running = [
    ...Array.from({ length: callers }, () => repeat(any, pauseMs)),
    ...Array.from({ length: callersOfRay }, () => repeat(seeThroughOnRay, pauseMs)),
  ];
  return {
    book,
    async stop() {
      stopped.abort();
      await Promise.all(running);
    },
  };
}
