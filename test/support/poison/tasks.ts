import { task } from 'mobula';
import * as z from 'zod';

/** Comes to what the test's Python says of this kind: a value, an exception, or progress and a value. */
export const poison = task({
  name: 'poison',
  input: z.object({ kind: z.string() }),
  ray: { callable: 'poison_code:come_to' },
  retry: { maxAttempts: 1 },
});

/** Answers what it was given. */
export const echo = task({
  name: 'echo',
  input: z.object({ value: z.unknown() }),
  ray: { callable: 'poison_code:echo' },
});
