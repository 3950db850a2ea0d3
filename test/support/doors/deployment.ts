import { bearer, defineConfig, task } from 'mobula';
import * as z from 'zod';

/** What every door of the matrix serves. */
export const shout = task({
  name: 'shout',
  input: z.object({ word: z.string() }),
  run: ({ word }) => `${word.toUpperCase()}!`,
});

export const nap = task({
  name: 'nap',
  input: z.object({ ms: z.number() }),
  run: ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, 'rested')),
});

export const repeat = task({
  name: 'repeat',
  input: z.object({ times: z.number() }),
  run: ({ times }) => 'x'.repeat(times),
});

export const onRay = task({ name: 'on_ray', input: z.object({}), ray: { callable: 'm:f' } });

export const deployment = defineConfig({
  tasks: [shout, nap, repeat, onRay],
  hooks: { chat: { task: shout, verify: bearer(), input: ({ text }) => ({ word: text }) } },
});

/** How many requests the frugal Worker may make in a call. */
export const subrequests = 26;
