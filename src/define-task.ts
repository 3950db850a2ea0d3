import type * as z from 'zod';
import { limits } from './core/limits.ts';
import { type Task, type TaskOptions, taskKind } from './core/task.ts';
import { isName } from './deployment.ts';

/**
 * Defines a task. It is checked here, and again where it is enqueued: a wrong definition is a `TypeError` that names the
 * field. The value is frozen; nothing is registered anywhere.
 */
export function task<Schema extends z.ZodType, Output = unknown, Name extends string = string>(
  options: TaskOptions<Schema, Output, Name>,
): Task<Schema, Output, Name> {
  refuse(!isName(options.name), 'name', `must be 1 to ${limits.nameLength} characters without control characters`);
  refuse(typeof options.input?.safeParse !== 'function', 'input', 'must be a zod schema');
  refuse(!options.run && !options.ray, 'run', 'or `ray` must say how it runs');
  refuse(options.run !== undefined && typeof options.run !== 'function', 'run', 'must be a function');
  refuse(
    options.ray !== undefined && !/^[\w.]+:[\w.]+$/.test(options.ray.callable ?? ''),
    'ray.callable',
    'must be `package.module:function`',
  );
  checkRange('ray.executionsPerJob', options.ray?.executionsPerJob, {
    min: 1,
    max: limits.executionsPerJobMax,
    whole: true,
  });
  refuse(options.queueName !== undefined && !isName(options.queueName), 'queueName', 'must be a name');
  checkRange('priority', options.priority, { min: limits.priorityMin, max: limits.priorityMax, whole: true });
  checkRange('retry.maxAttempts', options.retry?.maxAttempts, { min: 1, max: limits.attemptsMax, whole: true });
  checkRange('retry.backoffSeconds', options.retry?.backoffSeconds, { min: 0, max: limits.retryDelaySecondsMax });
  checkRange('timeoutSeconds', options.timeoutSeconds, { min: 0.001 });
  checkRange('queueTimeoutSeconds', options.queueTimeoutSeconds, { min: 0.001 });
  return Object.freeze({ ...options, kind: taskKind });

  function refuse(wrong: boolean, field: string, rule: string): void {
    if (wrong) throw new TypeError(`The task ${JSON.stringify(options.name)}: ${field} ${rule}.`);
  }

  function checkRange(
    field: string,
    value: number | undefined,
    { min, max = Number.MAX_SAFE_INTEGER, whole = false }: { min: number; max?: number; whole?: boolean },
  ): void {
    if (value === undefined) return;
    const right = value >= min && value <= max && (!whole || Number.isInteger(value));
    refuse(!right, field, `must be ${whole ? 'a whole number ' : ''}from ${min} to ${max}`);
  }
}
