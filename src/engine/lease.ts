import { limits } from '../core/limits.ts';
import { messageOf } from '../core/observe.ts';
import { findCancelling } from '../db/executions/cancel.ts';
import { dropLease, renewLease } from '../db/lease.ts';
import type { Engine } from './engine.ts';

/** The lease of one invocation while it holds anything. */
export interface Lease {
  readonly invocationId: string;
  /** Aborts when running code must end: the lease has lapsed, the call's time is up, or the process is about to end. */
  readonly signal: AbortSignal;
  /** The code that runs under it, by execution: a cancel aborts one, at the next heartbeat. */
  readonly running: Map<string, AbortController>;
  /** Gives it up; nothing may be held any more. */
  end(): Promise<void>;
}

/** What code that runs when the process is asked to end may still take; platforms kill after ten seconds. */
const lastGraceMs = 7_000;

/**
 * Renews an invocation's lease every heartbeat, until it is ended. An answer "lapsed" aborts; a database away does too
 * once the lease must have lapsed by our own count. It starts with the claim, which writes the lease. `seconds` is the call's time.
 */
export function holdLease(engine: Engine, seconds: number): Lease {
  const invocationId = engine.newId();
  const abort = new AbortController();
  const { leaseSeconds, heartbeatSeconds } = engine.settings;
  const running = new Map<string, AbortController>();
  let renewedMs = engine.monotonicMs();

  async function renew(): Promise<void> {
    const askedMs = engine.monotonicMs();
    try {
      if (!(await renewLease(engine.db, invocationId, leaseSeconds))) abort.abort('lease_lapsed');
      renewedMs = askedMs;
      for (const id of await findCancelling(engine.db, [...running.keys()])) running.get(id)?.abort('cancelled');
    } catch (error) {
      engine.log('warn', 'lease_not_renewed', { reason: messageOf(error) });
      if (engine.monotonicMs() - renewedMs > leaseSeconds * 1_000) abort.abort('lease_lapsed');
    }
  }

  const timers = [
    setInterval(() => void renew(), heartbeatSeconds * 1_000),
    setTimeout(() => abort.abort('budget_spent'), Math.min(seconds * 1_000, limits.timerMsMax)),
  ];
  const onClosing = () => timers.push(setTimeout(() => abort.abort('closing'), lastGraceMs));
  engine.closing.addEventListener('abort', onClosing);
  return {
    invocationId,
    signal: abort.signal,
    running,
    async end() {
      engine.closing.removeEventListener('abort', onClosing);
      for (const timer of timers) clearTimeout(timer);
      // One that stays behind lapses, and is swept with the next that does.
      await dropLease(engine.db, invocationId).catch((error) =>
        engine.log('warn', 'lease_not_dropped', { reason: messageOf(error) }),
      );
    },
  };
}
