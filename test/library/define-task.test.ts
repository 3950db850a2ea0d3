import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';

const good = { name: 'good', input: z.object({}), run: () => null };
// biome-ignore lint/suspicious/noExplicitAny: what JavaScript callers might write.
const define = (options: any) => task({ ...good, ...options });

describe('a task is refused where it is defined, by its field', () => {
  test.each([
    ['an empty name', { name: '' }, 'name'],
    ['a name that is too long', { name: 'n'.repeat(201) }, 'name'],
    ['a name with a line break', { name: 'a\nb' }, 'name'],
    ['a name that is no text', { name: 5 }, 'name'],
    ['half of a surrogate pair', { name: '\ud800' }, 'name'],
    ['no schema', { input: { a: 'number' } }, 'input'],
    ['no input', { input: undefined }, 'input'],
    ['neither run nor ray', { run: undefined }, 'run'],
    ['run that is no function', { run: 'os.system' }, 'run'],
    ['a callable without a module', { ray: { callable: 'train' } }, 'ray.callable'],
    ['a callable with a shell', { ray: { callable: 'a:b; rm -rf /' } }, 'ray.callable'],
    ['no callable', { ray: {} }, 'ray.callable'],
    ['a job of no execution', { ray: { callable: 'a:b', executionsPerJob: 0 } }, 'ray.executionsPerJob'],
    ['a job of 101', { ray: { callable: 'a:b', executionsPerJob: 101 } }, 'ray.executionsPerJob'],
    ['a job of one and a half', { ray: { callable: 'a:b', executionsPerJob: 1.5 } }, 'ray.executionsPerJob'],
    ['an empty queue name', { queueName: '' }, 'queueName'],
    ['priority 101', { priority: 101 }, 'priority'],
    ['priority -101', { priority: -101 }, 'priority'],
    ['priority 3.1', { priority: 3.1 }, 'priority'],
    ['no attempt', { retry: { maxAttempts: 0 } }, 'retry.maxAttempts'],
    ['101 attempts', { retry: { maxAttempts: 101 } }, 'retry.maxAttempts'],
    ['a negative backoff', { retry: { backoffSeconds: -1 } }, 'retry.backoffSeconds'],
    ['a backoff over an hour', { retry: { backoffSeconds: 3_601 } }, 'retry.backoffSeconds'],
    ['no time', { timeoutSeconds: 0 }, 'timeoutSeconds'],
    ['time that is no number', { timeoutSeconds: Number.NaN }, 'timeoutSeconds'],
    ['a negative queue timeout', { queueTimeoutSeconds: -1 }, 'queueTimeoutSeconds'],
  ])('%s', (_, options, field) => {
    expect(() => define(options)).toThrow(TypeError);
    expect(() => define(options)).toThrow(`: ${field} `);
  });

  test.each([-100, 0, 100])('while priority %i is taken', (priority) => {
    expect(define({ priority }).priority).toBe(priority);
  });
});

test('a definition is frozen, and keeps what it was given', () => {
  const defined = define({ priority: 5, queueName: 'mail' });
  expect(defined).toMatchObject({ name: 'good', priority: 5, queueName: 'mail' });
  expect(Object.isFrozen(defined)).toBe(true);
});
