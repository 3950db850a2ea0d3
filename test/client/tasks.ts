import { task } from 'mobula';
import * as z from 'zod';

/** Tasks as a front end knows them: by `import type` alone. */

export const add = task({
  name: 'add',
  input: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => a + b,
});

export const greet = task({
  name: 'greet',
  input: z.object({ name: z.string().default('you'), at: z.iso.datetime().transform((at) => new Date(at)) }),
  run: async ({ name, at }) => ({ greeting: `Hello ${name}!`, year: at.getUTCFullYear() }),
});

export const fail = task({
  name: 'fail',
  input: z.object({}),
  run: (): string => {
    throw new RangeError('It cannot be.');
  },
});

export const climb = task({
  name: 'climb',
  input: z.object({ steps: z.int(), everyMs: z.int() }),
  run: async ({ steps, everyMs }, { progress }) => {
    for (let step = 1; step <= steps; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      progress(step);
    }
    return steps;
  },
});

export const fill = task({
  name: 'fill',
  input: z.object({ bytes: z.int() }),
  run: ({ bytes }) => 'x'.repeat(bytes - 2),
});

export const train = task({ name: 'train', input: z.object({ epochs: z.int() }), ray: { callable: 'jobs:train' } });

/** Not a task, but in the module all the same. */
export const epochsMax = 100;
