/** How long code may go on after its signal before its attempt is called over without it. */
const deafMs = 1_000;

/** Why running code is told to end: its own deadline or cancel, or the end of the call that runs it. */
export type StopReason = 'timeout' | 'cancelled' | 'lease_lapsed' | 'budget_spent' | 'closing';

/** The code of one attempt, as those see it who may have to end it. A class, because there are thousands in a second. */
export class Stoppable {
  #reason: StopReason | undefined;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leave: (() => void) | undefined;

  /** The first one that was given. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  /** Made when it is first asked for, since most code never does and a signal costs more than a small task. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#reason) this.#abort.abort(this.#reason);
    return this.#abort.signal;
  }

  stop(reason: StopReason): void {
    this.#reason ??= reason;
    this.#abort?.abort(reason);
    if (reason !== 'cancelled') this.#timer ??= setTimeout(() => this.#leave?.(), deafMs);
  }

  /** What the code comes to, or 'deaf' a while after a stop that it did not heed; a cancel alone waits for it to settle. */
  settled<Outcome>(code: Promise<Outcome>): Promise<Outcome | 'deaf'> {
    return new Promise((resolve, reject) => {
      this.#leave = () => resolve('deaf');
      code.then(resolve, reject);
    });
  }

  /** The code has ended, or is not waited for any more. */
  forget(): void {
    clearTimeout(this.#timer);
  }
}
