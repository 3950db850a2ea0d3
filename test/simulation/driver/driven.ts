import type { Process } from '../clockwork/process.ts';
import type { Behaviour } from '../plan/user-code.ts';
import type { World } from '../world.ts';
import type { Fence } from './fence.ts';

/** What the driver of a begun attempt knows: the fields of `attempt.py`, `beats.py`, `guard.py` and `stop.py`. */
export interface Driven {
  readonly world: World;
  readonly process: Process;
  readonly id: string;
  readonly attempt: number;
  readonly nonce: string;
  readonly task: string;
  readonly behaviour: Behaviour;
  readonly timeoutSeconds: number | null;
  /** When the question was sent whose answer said that the attempt is ours. */
  readonly acceptedAtMs: number;
  readonly fence: Fence;
  /** Aborts when user code is told to end. */
  readonly stop: AbortController;
  stopAtMs: number | null;
  cancelledAtMs: number | null;
  /** User code has ended; what is left to do is reporting. */
  hasReturned: boolean;
  /** Somebody has an outcome, and reports it; all others keep still. */
  hasDecided: boolean;
  /** JSON text that waits to be sent. */
  progress: string | null;
}

/** Leaves the process, by which it ends. */
export type Leave = (code: number) => Promise<never>;

export type DriverOutcome =
  | { readonly kind: 'succeeded'; readonly text: string }
  | { readonly kind: 'failed'; readonly type: string; readonly message: string }
  | { readonly kind: 'cancelled' };

export const terminated: DriverOutcome = {
  kind: 'failed',
  type: 'Terminated',
  message: 'The driver was told to stop.',
};

/** SIGTERM, by Ray or by the driver itself: user code is told, and the guard has a time to count from. */
export function tellToStop(driven: Driven): void {
  driven.stopAtMs ??= driven.world.scheduler.nowMs();
  driven.stop.abort();
}
