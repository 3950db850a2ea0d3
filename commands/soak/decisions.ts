import type { Book } from './book.ts';

/** What callers decide of an execution; the book has those whose end is known by it. */
export interface Decisions {
  cancel(id: string): Promise<void>;
  retry(id: string): Promise<void>;
}

/** Retries of one execution: all that were asked, and those of them that may still be taken. */
interface Retries {
  asked: number;
  open: number;
}

/**
 * Cancels and retries, many of one execution at once. The answer to a cancel says how it ends, unless a retry may have been
 * taken between the decision and the answer, or may be later: one without an answer lies with a frozen server until it thaws.
 */
export function makeDecisions(book: Book): Decisions {
  const retries = new Map<string, Retries>();

  function retriesOf(id: string): Retries {
    const found = retries.get(id) ?? { asked: 0, open: 0 };
    retries.set(id, found);
    return found;
  }

  return {
    async cancel(id) {
      const its = retriesOf(id);
      const before = its.asked;
      const heard = await book.ask('cancel', 'POST', `/executions/${id}/cancel`);
      if (heard?.status === 202 && its.open === 0 && its.asked === before) book.cancelled.add(id);
    },
    async retry(id) {
      const its = retriesOf(id);
      its.asked += 1;
      its.open += 1;
      const heard = await book.ask('retry', 'POST', `/executions/${id}/retry`);
      if (heard !== null && heard.status < 500) its.open -= 1;
      book.cancelled.delete(id);
    },
  };
}
