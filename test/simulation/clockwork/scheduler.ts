import type { Process } from './process.ts';

/** Something that is to happen; cancelled, it never does. */
export interface Happening {
  isCancelled: boolean;
}

/** The order of all that happens, and the only time there is. */
export interface Scheduler {
  /** Whole milliseconds. */
  nowMs(): number;
  /** Grows with everything that happens: the order of the ledger and of the database alike. */
  step(): number;
  /** A step of its own for one of several things that happen at once. */
  nextStep(): number;
  /** When a step happened. */
  msOf(step: number): number;
  /** Lets `effect` happen in a while. What belongs to a process waits while that is frozen, and never happens to a dead one. */
  after(delayMs: number, effect: () => void | Promise<void>, owner?: Process | null): Happening;
  /** Goes on, one thing at a time, until `isDone` or nothing more can happen. */
  run(isDone: () => boolean): Promise<void>;
}

interface Event extends Happening {
  atMs: number;
  order: number;
  readonly owner: Process | null;
  readonly effect: () => void | Promise<void>;
}

const setImmediateOfNode = setImmediate;

/** All that can run without another event has run: the code of the product waits for nothing but us. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediateOfNode(resolve));

/** Makes a scheduler whose time begins at `startMs`. */
export function makeScheduler(startMs: number): Scheduler {
  const queue: Event[] = [];
  let now = startMs;
  const steps = [startMs];
  let orders = 0;

  const push = (atMs: number, owner: Process | null, effect: Event['effect']): Event => {
    const event: Event = { atMs, order: orders++, owner, effect, isCancelled: false };
    insert(queue, event);
    return event;
  };

  return {
    nowMs: () => now,
    step: () => steps.length - 1,
    nextStep: () => steps.push(now) - 1,
    msOf: (step) => steps[step]!,
    after: (delayMs, effect, owner = null) => push(now + Math.max(0, Math.round(delayMs)), owner, effect),
    async run(isDone) {
      while (!isDone()) {
        const event = take(queue);
        if (!event) return;
        if (event.isCancelled || (event.owner && event.owner.diedAtMs !== null)) continue;
        now = Math.max(now, event.atMs);
        if (event.owner && event.owner.frozenUntilMs > now) {
          insert(queue, Object.assign(event, { atMs: event.owner.frozenUntilMs, order: orders++ }));
          continue;
        }
        steps.push(now);
        await event.effect();
        await settled();
      }
    },
  };
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** A binary heap. */
function insert(heap: Event[], event: Event): void {
  let place = heap.push(event) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[place] = heap[parent]!;
    place = parent;
  }
  heap[place] = event;
}

function take(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (heap.length > 0 && last) {
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
  return first;
}
