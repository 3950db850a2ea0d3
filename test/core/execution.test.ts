import { describe, expect, test } from 'vitest';
import { finalStates, isFinal, mayMove, rankOf, type State, states, statusOf } from '../../src/core/execution.ts';

/** The table of contract §2, written out. */
const allowed: readonly (readonly [State, State])[] = [
  ['QUEUED', 'RUNNING'],
  ['QUEUED', 'CANCELLED'],
  ['QUEUED', 'EXPIRED'],
  ['RUNNING', 'SUCCEEDED'],
  ['RUNNING', 'FAILED'],
  ['RUNNING', 'LOST'],
  ['RUNNING', 'CANCELLING'],
  ['RUNNING', 'CANCELLED'],
  ['RUNNING', 'QUEUED'],
  ['CANCELLING', 'CANCELLED'],
  ['FAILED', 'QUEUED'],
  ['CANCELLED', 'QUEUED'],
  ['LOST', 'QUEUED'],
  ['EXPIRED', 'QUEUED'],
];
const isAllowed = (from: State, to: State) => allowed.some(([one, other]) => one === from && other === to);
const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

describe('the life of an execution', () => {
  test.each(pairs.filter(([from, to]) => isAllowed(from, to)))('%s may become %s', (from, to) => {
    expect(mayMove(from, to)).toBe(true);
  });

  test.each(pairs.filter(([from, to]) => !isAllowed(from, to)))('%s never becomes %s', (from, to) => {
    expect(mayMove(from, to)).toBe(false);
  });

  test('the final states are those five, and only SUCCEEDED cannot be retried', () => {
    expect(states.filter(isFinal)).toEqual(['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED']);
    expect(finalStates.filter((state) => !mayMove(state, 'QUEUED'))).toEqual(['SUCCEEDED']);
  });

  test('within one attempt every move goes up in rank', () => {
    const withinAnAttempt = allowed.filter(([from]) => from === 'RUNNING' || from === 'CANCELLING');
    expect(withinAnAttempt.filter(([from, to]) => rankOf(from) >= rankOf(to))).toEqual([]);
  });

  test('nothing ranks above waiting for the next attempt', () => {
    expect(states.filter((state) => rankOf(state) >= rankOf('QUEUED'))).toEqual(['QUEUED']);
  });
});

test.each([
  ['QUEUED', 'READY'],
  ['RUNNING', 'RUNNING'],
  ['CANCELLING', 'RUNNING'],
  ['SUCCEEDED', 'SUCCESSFUL'],
  ['FAILED', 'FAILED'],
  ['CANCELLED', 'FAILED'],
  ['LOST', 'FAILED'],
  ['EXPIRED', 'FAILED'],
] as const)('Django knows %s as %s', (state, status) => {
  expect(statusOf(state)).toBe(status);
});
