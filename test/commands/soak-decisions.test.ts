import { expect, test } from 'vitest';
import type { Heard } from '../../commands/soak/api.ts';
import type { Book } from '../../commands/soak/book.ts';
import { makeDecisions } from '../../commands/soak/decisions.ts';

// The soak's own ledger: what it holds against the product has to be sure.

/** Callers whose answers come when the test says so. */
function makeCallers() {
  const answers: ((heard: Heard) => void)[] = [];
  const cancelled = new Set<string>();
  const ask = () => new Promise<Heard>((resolve) => answers.push(resolve));
  const decisions = makeDecisions({ cancelled, ask } as unknown as Book);
  const start = (what: 'cancel' | 'retry') => {
    const ended = decisions[what]('x');
    const answer = answers.at(-1);
    return async (status: number | null) => {
      answer?.(status === null ? null : { status, json: null });
      await ended;
    };
  };
  return { start, counts: () => cancelled.has('x') };
}

test('a cancel that was acknowledged counts, until a retry is asked', async () => {
  const { start, counts } = makeCallers();
  await start('cancel')(202);
  expect(counts()).toBe(true);
  await start('retry')(202);
  expect(counts()).toBe(false);
  await start('cancel')(202);
  expect(counts()).toBe(true);
});

test('a cancel that was refused does not count', async () => {
  const { start, counts } = makeCallers();
  await start('cancel')(409);
  await start('cancel')(null);
  expect(counts()).toBe(false);
});

test('a cancel does not count whose answer came after that of a later retry', async () => {
  const { start, counts } = makeCallers();
  const answerCancel = start('cancel');
  await start('retry')(202);
  await answerCancel(202);
  expect(counts()).toBe(false);
});

test('a cancel does not count beside a retry that is under way, or was never answered', async () => {
  const { start, counts } = makeCallers();
  const answerRetry = start('retry');
  await start('cancel')(202);
  expect(counts()).toBe(false);
  await answerRetry(null);
  await start('cancel')(202);
  expect(counts()).toBe(false);
});
