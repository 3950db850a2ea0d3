import { task } from 'mobula';
import * as z from 'zod';

/** What `note` was run with in this process, in order. */
export const noted: unknown[] = [];

export const note = task({
  name: 'note',
  input: z.object({ value: z.unknown() }),
  run: ({ value }) => {
    noted.push(value);
    return value;
  },
});

export const fail = task({
  name: 'fail',
  input: z.object({}),
  run: () => {
    throw new RangeError('It cannot be.');
  },
});

export const pause = task({
  name: 'pause',
  input: z.object({ ms: z.number() }),
  run: async ({ ms }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  },
});

/** What `held` waits for: a test opens it when it has seen what it came to see. */
export const gate = { open: () => {} };
export const held = task({
  name: 'held',
  input: z.object({}),
  run: () =>
    new Promise<string>((resolve) => {
      gate.open = () => resolve('let go');
    }),
});

/** Fails until `mended.yet` is true, as code does until somebody deploys the fix. */
export const mended = { yet: false };
export const mendable = task({
  name: 'mendable',
  input: z.object({}),
  run: () => {
    if (!mended.yet) throw new TypeError('Not mended yet.');
    return 'mended';
  },
});

/** Runs on Ray alone. */
export const onRay = task({
  name: 'on_ray',
  input: z.object({ text: z.string().optional() }),
  ray: { callable: 'm:f' },
});

/** All of them, as one deployment has them. */
export const tasks = [note, fail, pause, held, mendable, onRay];
