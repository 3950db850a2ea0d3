import { task } from 'mobula';
import * as z from 'zod';
import { addNumbers } from '../../../examples/sample-tasks.ts';

export * from '../../../examples/sample-tasks.ts';

/** Adds two numbers, ten executions in one job. */
export const addTogether = task({
  name: 'add_together',
  input: addNumbers.input,
  ray: { callable: 'mobula_driver.samples:add_numbers', executionsPerJob: 10 },
});

/** Appends a line to a file: how a test counts the starts of user code. */
export const mark = task({
  name: 'mark',
  input: z.object({ path: z.string(), seconds: z.number().default(0) }),
  ray: { callable: 'user_code:mark' },
});

/** Answers what user code sees of its attempt and of its environment. */
export const look = task({
  name: 'look',
  input: z.object({ variable: z.string() }),
  ray: { callable: 'user_code:look', numCpus: 0.5, runtimeEnv: { env_vars: { OF_THE_TASK: 'task' } } },
});

/** Is called with positional arguments, and is a coroutine. */
export const join = task({
  name: 'join',
  input: z.array(z.string()),
  ray: { callable: 'user_code:join' },
});

/** Its driver is killed in the first attempt, and not in the second. */
export const dieOnce = task({
  name: 'die_once',
  input: z.object({}),
  ray: { callable: 'user_code:die_once' },
});

/** A string of so many bytes, whose driver waits a second for the result store and not a minute. */
export const impatient = task({
  name: 'impatient',
  input: z.object({ bytes: z.int() }),
  ray: { callable: 'user_code:impatient' },
});
