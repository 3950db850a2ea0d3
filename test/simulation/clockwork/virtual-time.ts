import { createHash } from 'node:crypto';
import { currentCall, within } from './process.ts';
import type { Happening } from './scheduler.ts';

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  abortAfter: AbortSignal.timeout.bind(AbortSignal),
  digest: crypto.subtle.digest.bind(crypto.subtle),
};

/** A timer of a simulated process; it has the shape of Node's. */
class VirtualTimer {
  happening: Happening | null = null;
  isCleared = false;
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  clear(): void {
    this.isCleared = true;
    if (this.happening) this.happening.isCancelled = true;
  }
}

type Callback = (...args: unknown[]) => void;

function startTimer(callback: Callback, ms: number, args: unknown[], repeats: boolean): VirtualTimer | null {
  const call = currentCall();
  if (!call) return null;
  const timer = new VirtualTimer();
  const { scheduler } = call.process.world;
  const arm = () => {
    timer.happening = scheduler.after(Math.max(1, ms), fire, call.process);
  };
  const fire = () => {
    within(call, () => callback(...args));
    if (repeats && !timer.isCleared) arm();
  };
  arm();
  return timer;
}

/** As `AbortSignal.timeout`, on the simulation's time. */
function abortAfter(ms: number): AbortSignal {
  if (!currentCall()) return real.abortAfter(ms);
  const abort = new AbortController();
  startTimer(() => abort.abort(new DOMException('The time is up.', 'TimeoutError')), ms, [], false);
  return abort.signal;
}

/** The same digest at once: the real one comes from another thread, at a time of its own. */
const digest: typeof real.digest = (algorithm, data) => {
  if (!currentCall()) return real.digest(algorithm, data);
  const bytes = createHash('sha256')
    .update(data as Uint8Array)
    .digest();
  return Promise.resolve(new Uint8Array(bytes).buffer);
};

/**
 * Gives the code of simulated processes timers on the simulation's time. Everybody else, told apart by not being within
 * a call, keeps the real ones: Vitest, the database's client, the simulation itself.
 */
export function installVirtualTime(): void {
  const timeout = (callback: Callback, ms = 0, ...args: unknown[]) =>
    startTimer(callback, ms, args, false) ?? real.setTimeout(callback, ms, ...args);
  const interval = (callback: Callback, ms = 0, ...args: unknown[]) =>
    startTimer(callback, ms, args, true) ?? real.setInterval(callback, ms, ...args);
  const clear = (timer: VirtualTimer | NodeJS.Timeout | undefined) =>
    timer instanceof VirtualTimer ? timer.clear() : real.clearTimeout(timer);
  Object.assign(globalThis, {
    setTimeout: timeout,
    setInterval: interval,
    clearTimeout: clear,
    clearInterval: clear,
  });
  AbortSignal.timeout = abortAfter;
  crypto.subtle.digest = digest;
}

/** Waits as part of the current call, and so as long as its process is frozen. */
export const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
