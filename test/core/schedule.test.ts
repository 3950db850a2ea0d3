import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { serveSchedule } from '../../src/core/schedule.ts';
import { task } from '../../src/define-task.ts';

const report = task({ name: 'report', input: z.object({}), run: () => null });
const serve = (cron: string, timeZone?: string) =>
  serveSchedule('nightly', { task: report, cron, input: () => ({}), ...(timeZone ? { timeZone } : {}) });
const at = (text: string) => new Date(text);

test('the next instant comes strictly after the given one', () => {
  const { next } = serve('*/5 * * * *');
  expect(next(at('2026-03-01T10:04:59.999Z'))).toEqual(at('2026-03-01T10:05:00Z'));
  expect(next(at('2026-03-01T10:05:00Z'))).toEqual(at('2026-03-01T10:10:00Z'));
});

test('the latest instant is the given one where it is one', () => {
  const { latest } = serve('*/5 * * * *');
  expect(latest(at('2026-03-01T10:05:00Z'))).toEqual(at('2026-03-01T10:05:00Z'));
  expect(latest(at('2026-03-01T10:04:59.999Z'))).toEqual(at('2026-03-01T10:00:00Z'));
  expect(latest(at('2026-03-01T10:09:00.123Z'))).toEqual(at('2026-03-01T10:05:00Z'));
});

test('hours are those of the time zone, and of UTC unless one is said', () => {
  const start = at('2026-07-01T00:00:00Z');
  expect(serve('0 3 * * *').next(start)).toEqual(at('2026-07-01T03:00:00Z'));
  expect(serve('0 3 * * *', 'Europe/Zurich').next(start)).toEqual(at('2026-07-01T01:00:00Z'));
});

test('an hour that the clocks skip is made up for, and one that they repeat counts once', () => {
  const { next } = serve('30 2 * * *', 'Europe/Zurich');
  expect(next(at('2026-03-29T00:00:00Z'))).toEqual(at('2026-03-29T01:00:00Z'));
  expect(next(at('2026-10-24T12:00:00Z'))).toEqual(at('2026-10-25T00:30:00Z'));
  expect(next(at('2026-10-25T00:30:00Z'))).toEqual(at('2026-10-26T01:30:00Z'));
});

describe('a wrong one is refused in words', () => {
  test.each(['', 'soon', '* * * *', '* * * * * *', '61 * * * *', '0 0 31 2 *'])('the cron line %j', (cron) => {
    expect(() => serve(cron)).toThrow(/names no instant/);
  });

  test('a time zone that nobody knows', () => {
    expect(() => serve('0 3 * * *', 'Mars/Olympus')).toThrow(/time zone "Mars\/Olympus", which is unknown/);
  });
});
