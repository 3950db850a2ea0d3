import type { Task } from './api.ts';

/** One enqueue of the demo, and what must come of it. */
export interface Wish {
  readonly task: string;
  readonly input: object;
  readonly max_attempts?: number;
  readonly isAsExpected: (task: Task) => boolean;
}

/** Its first attempt is killed where it runs on Ray. */
export const crashing = 'slow_task';
export const failing = 'failing_task';
export const large = 'large_task';

export const largeCharacters = 5_000_000;

const awkward = `"quotes", $(touch oops), ünïcödé`;

/** In the order in which they are enqueued, and so claimed: the ones that take longest first. */
export const wishes: readonly Wish[] = [
  { task: crashing, input: { seconds: 5 }, isAsExpected: (task) => hasResult(task, { slept: 5 }) },
  {
    task: failing,
    input: { message: 'no such dataset' },
    max_attempts: 2,
    isAsExpected: ({ state, attempt, error }) =>
      state === 'FAILED' && attempt === 2 && error?.message === 'no such dataset',
  },
  {
    task: large,
    input: { bytes: largeCharacters },
    // The value is JSON, so there are two quotes around the characters.
    isAsExpected: ({ result_state, result_bytes }) => result_state === 'stored' && result_bytes === largeCharacters + 2,
  },
  { task: 'add_numbers', input: { a: 20, b: 22 }, isAsExpected: (task) => hasResult(task, 42) },
  { task: 'multiply_numbers', input: { a: 6, b: 7 }, isAsExpected: (task) => hasResult(task, 42) },
  { task: 'echo_task', input: { value: awkward }, isAsExpected: (task) => hasResult(task, awkward) },
  {
    task: 'cpu_intensive_task',
    input: { n: 1_000_000 },
    // Beyond what a double can hold, and still exact.
    isAsExpected: (task) => hasResult(task, 333_332_833_333_500_000n),
  },
];

function hasResult({ state, result }: Task, expected: unknown): boolean {
  if (state !== 'SUCCEEDED') return false;
  return typeof expected === 'object' ? JSON.stringify(result) === JSON.stringify(expected) : result === expected;
}
