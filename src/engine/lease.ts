import { limits } from '../core/limits.ts';
import { messageOf } from '../core/observe.ts';
import { findCancelling } from '../db/executions/cancel.ts';
import { dropLease, renewLease } from '../db/lease.ts';
import type { Engine } from './engine.ts';
import type { Stoppable, StopReason } from './stoppable.ts';

/** The lease of one invocation while it holds anything. */
export interface Lease {
  readonly invocationId: string;
  /** Aborts when running code must end: the lease has lapsed, the call's time is up, or the process is about to end. */
  readonly signal: AbortSignal;
  /** The code that runs under it, by execution: a cancel stops one, at the next heartbeat; its end stops all. */
  readonly running: Map<string, Pick<Stoppable, 'stop'>>;
  /** Gives it up; nothing may be held any more. */
  end(): Promise<void>;
}

/** What code that runs when the process is asked to end may still take; platforms kill after ten seconds. */
const lastGraceMs = 7_000;

/**
 * The share of a lease after which code is told to end that could not be renewed: before anybody may take it over, whatever
 * the database is silent about, and with time left to end in.
 */
const shareOfLease = 0.8;

/**
 * Renews an invocation's lease every heartbeat, until it is ended. An answer "lapsed" aborts; no answer does too, before
 * the lease has lapsed by our own count. It starts with the claim, which writes the lease. `seconds` is the call's time.
 */
export function holdLease(engine: Engine, seconds: number): Lease {
  const invocationId = engine.newId();
  const abort = new AbortController();
  const { leaseSeconds, heartbeatSeconds } = engine.settings;
  const running: Lease['running'] = new Map();
  let isOver = false;
  const lapse = () => stop('lease_lapsed');
  let lapsing = setTimeout(lapse, shareOfLease * leaseSeconds * 1_000);

  function stop(reason: StopReason): void {
    abort.abort(reason);
    for (const code of running.values()) code.stop(reason);
  }

  /** From the moment of asking: the database renewed it then or later, never sooner. */
  function renewed(askedMs: number): void {
    clearTimeout(lapsing);
    const leftMs = askedMs + shareOfLease * leaseSeconds * 1_000 - engine.monotonicMs();
    if (!isOver) lapsing = setTimeout(lapse, leftMs);
  }

  async function renew(): Promise<void> {
    const askedMs = engine.monotonicMs();
    try {
      if (await renewLease(engine.db, invocationId, leaseSeconds)) renewed(askedMs);
      else lapse();
      for (const id of await findCancelling(engine.db, [...running.keys()])) running.get(id)?.stop('cancelled');
    } catch (error) {
      engine.log('warn', 'lease_not_renewed', { reason: messageOf(error) });
    }
  }

  const timers = [
    setInterval(() => void renew(), heartbeatSeconds * 1_000),
    setTimeout(() => stop('budget_spent'), Math.min(seconds * 1_000, limits.timerMsMax)),
  ];
  const onClosing = () => timers.push(setTimeout(() => stop('closing'), lastGraceMs));
  engine.closing.addEventListener('abort', onClosing);
  return {
    invocationId,
    signal: abort.signal,
    running,
    async end() {
      isOver = true;
      clearTimeout(lapsing);
      engine.closing.removeEventListener('abort', onClosing);
      for (const timer of timers) clearTimeout(timer);
      // One that stays behind lapses, and is swept with the next that does.
      await dropLease(engine.db, invocationId).catch((error) =>
        engine.log('warn', 'lease_not_dropped', { reason: messageOf(error) }),
      );
    },
  };
}
