/** Why a call was given up: the other side did not answer in time. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';

  constructor(ms: number) {
    super(`no answer came within ${Math.round(ms / 100) / 10} s`);
  }
}

/**
 * What `call` answers, if it does so within `ms`. Its signal aborts when the time is up or `stop` does; and since not every
 * client obeys a signal, nobody waits for it then.
 */
export async function within<T>(
  ms: number,
  call: (signal: AbortSignal) => Promise<T>,
  stop: AbortSignal = new AbortController().signal,
): Promise<T> {
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(new TimeUp(ms)), ms);
  const signal = AbortSignal.any([clock.signal, stop]);
  const givenUp = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([call(signal), givenUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** A clock that calls `onQuiet` when it has run for so long since it was last started; `rest` stops it. */
export interface Watch {
  start(): void;
  rest(): void;
}

export function watch(ms: number, onQuiet: (error: TimeUp) => void): Watch {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    start() {
      clearTimeout(timer);
      timer = setTimeout(() => onQuiet(new TimeUp(ms)), ms);
    },
    rest: () => clearTimeout(timer),
  };
}
