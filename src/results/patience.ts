/** Why a call was given up: the other side did not answer in time. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';

  constructor(ms: number) {
    super(`no answer came within ${ms / 1_000} s`);
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

/** Calls `onQuiet` once, when nobody has called `move` for so long; `end` is the end of that. */
export function watch(ms: number, onQuiet: (error: TimeUp) => void): { move(): void; end(): void } {
  const start = () => setTimeout(() => onQuiet(new TimeUp(ms)), ms);
  let timer: ReturnType<typeof start> | null = start();
  return {
    move() {
      if (timer === null) return;
      clearTimeout(timer);
      timer = start();
    },
    end() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

/** The same stream, which fails when it is asked for its next piece and has none within `ms`. */
export function impatient(source: ReadableStream<Uint8Array>, ms: number): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await within(ms, () => reader.read());
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          reader.cancel(error).catch(() => undefined);
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
