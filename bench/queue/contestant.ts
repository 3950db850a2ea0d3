/**
 * A queue as the bench drives it, in a process of its own with a database of its own. A contestant may lack verbs; it is
 * not asked for them then. What takes time answers it in milliseconds, as seen by the process that did it.
 */
export interface Contestant {
  /** Forgets all that it has. */
  clear(): Promise<void>;
  /** Makes so many tasks that do nothing, each with an input of about so many bytes; the way they come is not measured. */
  fill(count: number, bytes: number): Promise<void>;
  /** Runs all there are, which is `count`, taking up to `batch` at once; until every outcome is committed. */
  drain(count: number, batch: number): Promise<number>;
  /** Enqueues so many, a thousand in each call. */
  enqueueMany(count: number): Promise<number>;
  /** Enqueues so many, each in a call of its own, some of them at once. */
  enqueueOne(count: number): Promise<number>;
  /** So often: the time from the call that enqueues to the first line of the task's code. */
  pickUp(count: number): Promise<number[]>;
}

/** The same for all, where they let it be chosen. */
export const sizes = {
  /** Tasks in a call that enqueues many. */
  batch: 1_000,
  /** Calls at once that enqueue one, and connections for them. */
  inFlight: 16,
  /** Loops at once that drain or enqueue many. */
  loops: 2,
} as const;

/** An input of about so many bytes. */
export const inputOf = (bytes: number): { text?: string } => (bytes > 20 ? { text: 'x'.repeat(bytes - 11) } : {});

/** Calls `step` one time after the other in `loops` loops at once, until it answers 0; answers the sum. */
export async function inLoops(loops: number, step: () => Promise<number>): Promise<number> {
  let sum = 0;
  const loop = async () => {
    for (let done = await step(); done > 0; done = await step()) sum += done;
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return sum;
}

/** Shares `count` calls among so many loops. */
export async function shared(count: number, loops: number, call: () => Promise<unknown>): Promise<void> {
  let left = count;
  await inLoops(loops, async () => {
    if (left === 0) return 0;
    left -= 1;
    await call();
    return 1;
  });
}

/** How long something took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** The clock that all processes of a machine share, in milliseconds. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A drain that left something or ran something twice is no measurement. */
export function expectAll(done: number, count: number): void {
  if (done !== count) throw new Error(`${done} were drained, not ${count}.`);
}
