/** How long code may go on after its signal before its attempt is called over without it. */
const deafMs = 1_000;

/** Why running code is told to end: its own deadline or cancel, or the end of the call that runs it. */
export type StopReason = 'timeout' | 'cancelled' | 'lease_lapsed' | 'budget_spent' | 'closing';

/** The code of one attempt, as those see it who may have to end it. */
export interface Stoppable {
  /** Made when it is first asked for, since most code never does and a signal costs more than a small task. */
  readonly signal: AbortSignal;
  /** The first one that was given. */
  readonly reason: StopReason | undefined;
  /** Resolves a while after a stop; never for a cancel alone, which waits for the code to settle. */
  readonly deaf: Promise<'deaf'>;
  stop(reason: StopReason): void;
  /** The code has ended, or is not waited for any more. */
  settle(): void;
}

export function stoppable(): Stoppable {
  let first: StopReason | undefined;
  let abort: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leave: () => void;
  const deaf = new Promise<'deaf'>((resolve) => {
    leave = () => resolve('deaf');
  });
  return {
    deaf,
    get reason() {
      return first;
    },
    get signal() {
      abort ??= new AbortController();
      if (first) abort.abort(first);
      return abort.signal;
    },
    stop(reason) {
      first ??= reason;
      abort?.abort(reason);
      if (reason !== 'cancelled') timer ??= setTimeout(leave, deafMs);
    },
    settle: () => clearTimeout(timer),
  };
}
