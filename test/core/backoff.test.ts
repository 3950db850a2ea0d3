import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffSeconds } from '../../src/core/backoff.ts';

const never = () => 0;

test.each([
  [2, 60],
  [3, 120],
  [4, 240],
  [7, 1_920],
  [8, 3_600],
  [100, 3_600],
  [10_000, 3_600],
])('before attempt %i the wait is %i s, doubled each time and never over an hour', (next, seconds) => {
  expect(backoffSeconds(next, { baseSeconds: 60, jitter: 0.2 }, never)).toBe(seconds);
});

test('a base of nothing waits for nothing, however often', () => {
  expect(backoffSeconds(2, { baseSeconds: 0, jitter: 1 }, never)).toBe(0);
  expect(backoffSeconds(10_000, { baseSeconds: 0, jitter: 1 }, never)).toBe(0);
});

test('chance only ever shortens the wait, by at most the share it is given', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 100 }),
      fc.double({ min: 0, max: 3_600, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      chance,
      (next, baseSeconds, jitter, dice) => {
        const longest = backoffSeconds(next, { baseSeconds, jitter }, never);
        const seconds = backoffSeconds(next, { baseSeconds, jitter }, () => dice);
        expect(seconds).toBeLessThanOrEqual(longest);
        expect(seconds).toBeGreaterThanOrEqual(longest * (1 - jitter) - 1e-9);
        expect(longest).toBeLessThanOrEqual(3_600);
      },
    ),
  );
});

test.each([1, 0, -1, 2.5, Number.NaN])('there is no wait before attempt %s', (next) => {
  expect(() => backoffSeconds(next, { baseSeconds: 60, jitter: 0 }, never)).toThrow(RangeError);
});
