import { describe, expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { redactionBy } from '../../src/core/redact.ts';
import { isRetryable, toAttemptError } from '../../src/core/retry.ts';

const failure = (type: string, more: { names?: string[]; retryable?: boolean } = {}) => ({
  type,
  message: 'no',
  ...more,
});

describe('whether another attempt may follow', () => {
  test('a failure is retried unless something forbids it', () => {
    expect(isRetryable(failure('ValueError'), {}, [])).toBe(true);
  });

  test('a denied name is not retried, whether the settings or the task deny it', () => {
    expect(isRetryable(failure('ValueError'), {}, ['ValueError'])).toBe(false);
    expect(isRetryable(failure('ValueError'), { never: ['ValueError'] }, [])).toBe(false);
  });

  test('a denied name is the error’s own, short or qualified, or one of its bases', () => {
    const raised = failure('Timeout', { names: ['Timeout', 'requests.exceptions.Timeout', 'OSError'] });
    expect(isRetryable(raised, {}, ['requests.exceptions.Timeout'])).toBe(false);
    expect(isRetryable(raised, {}, ['OSError'])).toBe(false);
  });

  test('part of a name denies nothing', () => {
    expect(isRetryable(failure('ValueError'), {}, ['Value', 'Error', 'valueerror'])).toBe(true);
  });

  test('a run deadline that passed is retried only where the task says so', () => {
    expect(isRetryable(failure('TimedOut'), {}, [])).toBe(false);
    expect(isRetryable(failure('TimedOut'), { timedOut: true }, [])).toBe(true);
    expect(isRetryable(failure('TimedOut'), { timedOut: true, never: ['TimedOut'] }, [])).toBe(false);
  });

  test('a runner that knows better is believed', () => {
    expect(isRetryable(failure('TypeError', { retryable: false }), {}, [])).toBe(false);
  });
});

describe('the error that is kept', () => {
  const asIs = (text: string) => text;

  test('says type, message and whether it may be retried, and has a traceback only if there was one', () => {
    expect(toAttemptError(failure('ValueError'), true, asIs)).toEqual({
      type: 'ValueError',
      message: 'no',
      retryable: true,
    });
    expect(toAttemptError({ ...failure('ValueError'), traceback: 'at x' }, false, asIs)).toEqual({
      type: 'ValueError',
      message: 'no',
      retryable: false,
      traceback: 'at x',
    });
  });

  test('keeps the head of a long message and the tail of a long traceback', () => {
    const long = `head${'x'.repeat(100_000)}tail`;
    const { message, traceback = '' } = toAttemptError({ type: 'E', message: long, traceback: long }, true, asIs);
    expect([message.length, message.slice(0, 4)]).toEqual([limits.errorMessageCharacters, 'head']);
    expect([traceback.length, traceback.slice(-4)]).toEqual([limits.tracebackCharacters, 'tail']);
  });

  test('is redacted, also where a value is at the edge of what is kept', () => {
    const redact = redactionBy([]);
    const message = `${'x '.repeat(limits.errorMessageCharacters / 2 - 6)}token=abcdefgh`;
    const traceback = `password="${'s'.repeat(100)}${'t'.repeat(limits.tracebackCharacters - 50)}" tail`;
    const kept = toAttemptError({ type: 'E', message, traceback }, true, redact);
    expect(kept.message).toMatch(/x token=\[red/);
    expect(kept.message).toHaveLength(limits.errorMessageCharacters);
    expect(kept.traceback).toBe('password="[redacted]" tail');
  });
});
