import type { AttemptStart, JobSight, RemoteRunner, StartAnswer } from '../../src/core/runner.ts';

/** A runner for tests about single attempts. */
export interface SingleRunner extends Omit<RemoteRunner, 'start' | 'inspect'> {
  start(attempt: AttemptStart): Promise<StartAnswer>;
  inspect(jobId: string): Promise<JobSight>;
}

/** Asks the runner about one attempt at a time. */
export const oneByOne = (runner: RemoteRunner): SingleRunner => ({
  ...runner,
  start: async (attempt) => only(await runner.start([attempt])),
  inspect: async (jobId) => only(await runner.inspect([jobId])) as JobSight,
});

function only<Item>(items: readonly Item[]): Item {
  if (items.length !== 1) throw new RangeError(`There should be one answer, and there are ${items.length}.`);
  return items[0] as Item;
}
