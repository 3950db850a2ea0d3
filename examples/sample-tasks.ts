import { type TaskContext, task } from 'mobula';
import * as z from 'zod';

/** The tasks of the sample deployment. Each has an inline and a Ray form; the Ray forms lie in the driver's package. */

const onRay = (name: string) => ({ callable: `mobula_driver.samples:${name}` });
const numbers = z.object({ a: z.number(), b: z.number() });

export const addNumbers = task({
  name: 'add_numbers',
  input: numbers,
  run: ({ a, b }) => a + b,
  ray: onRay('add_numbers'),
});

export const multiplyNumbers = task({
  name: 'multiply_numbers',
  input: numbers,
  run: ({ a, b }) => a * b,
  ray: onRay('multiply_numbers'),
});

export const slowTask = task({
  name: 'slow_task',
  input: z.object({ seconds: z.number().min(0).max(86_400) }),
  run: ({ seconds }, context) => sleepInSteps(seconds, context),
  ray: onRay('slow_task'),
});

export const failingTask = task({
  name: 'failing_task',
  input: z.object({ message: z.string() }),
  run: ({ message }) => {
    throw new Error(message);
  },
  ray: onRay('failing_task'),
});

export const echoTask = task({
  name: 'echo_task',
  input: z.object({ value: z.unknown() }),
  run: ({ value }) => value,
  ray: onRay('echo_task'),
});

export const cpuIntensiveTask = task({
  name: 'cpu_intensive_task',
  input: z.object({ n: z.int().min(0).max(100_000_000) }),
  run: ({ n }) => sumOfSquares(n),
  ray: onRay('cpu_intensive_task'),
});

export const largeTask = task({
  name: 'large_task',
  input: z.object({ bytes: z.int().min(0).max(268_435_456) }),
  run: ({ bytes }) => 'x'.repeat(bytes),
  ray: onRay('large_task'),
});

const stepSeconds = 0.2;

/** Sleeps, tells how far it is, and leaves as soon as it is asked to. */
async function sleepInSteps(seconds: number, { signal, progress }: TaskContext): Promise<{ slept: number }> {
  for (let slept = 0; slept < seconds; slept += stepSeconds) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, Math.min(stepSeconds, seconds - slept) * 1_000));
    progress(Math.min(1, (slept + stepSeconds) / seconds));
  }
  return { slept: seconds };
}

/** Exact at any n, and as slow as it should be: the point is to keep a processor busy. */
function sumOfSquares(n: number): bigint {
  let sum = 0n;
  for (let i = 0n; i < n; i += 1n) sum += i * i;
  return sum;
}
