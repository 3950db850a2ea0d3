import { createHash } from 'node:crypto';
import type { Digest } from '../core/result-store.ts';

/** Why a verified stream failed: the bytes were not those of the digest. */
export class WrongBytes extends Error {
  override readonly name = 'WrongBytes';
}

/** Bytes that are asked for piece by piece; `cancel` ends a read that waits. The reader of a web stream is one. */
export interface Pieces {
  read(): Promise<{ readonly done?: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

export interface Listener {
  /** Hears when a piece is asked for. */
  readonly onAsk?: () => void;
  /** Hears when one is given out, or the end. */
  readonly onGive?: () => void;
  /** Hears that the stream fails, since not every consumer notices. */
  readonly onFail?: (error: unknown) => void;
  /** Makes the stream fail, with the signal's reason. */
  readonly stop?: AbortSignal;
}

/**
 * The source as a stream, which fails before its end unless it has the digest's length and SHA-256: the last piece is
 * held back until the whole is verified, so whoever takes a failed stream for a value has too few bytes.
 *
 * It hashes by `node:crypto` because WebCrypto cannot do so piece by piece; workerd has it too.
 */
export function verified(
  source: Pieces,
  digest: Digest,
  { onAsk, onGive, onFail, stop }: Listener = {},
): ReadableStream<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  let held: Uint8Array | undefined;

  /** Takes in what was read and gives out the piece before it: the last one only if all of them were right. */
  function exchange({ done, value }: Awaited<ReturnType<Pieces['read']>>): Uint8Array | undefined {
    const before = held;
    if (done) {
      if (bytes !== digest.bytes) throw new WrongBytes(`There are ${bytes} bytes instead of ${digest.bytes}.`);
      if (hash.digest('hex') !== digest.sha256) throw new WrongBytes('The bytes have another SHA-256.');
      return before;
    }
    if (!value?.byteLength) return undefined;
    bytes += value.byteLength;
    if (bytes > digest.bytes) throw new WrongBytes(`There are more than ${digest.bytes} bytes.`);
    hash.update(value);
    held = value;
    return before;
  }

  async function advance(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (let piece: Uint8Array | undefined; piece === undefined; ) {
      const read = await source.read();
      stop?.throwIfAborted();
      piece = exchange(read);
      if (piece) controller.enqueue(piece);
      if (read.done) return controller.close();
    }
  }

  // A read that waits for ever ends when its source is cancelled.
  stop?.addEventListener('abort', () => void source.cancel(stop.reason).catch(() => undefined), { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          onAsk?.();
          await advance(controller);
          onGive?.();
        } catch (error) {
          source.cancel(error).catch(() => undefined);
          onFail?.(error);
          throw error;
        }
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Reads to its end a stream that has no more than `bytes` bytes. */
export async function collect(stream: ReadableStream<Uint8Array>, bytes: number): Promise<Uint8Array> {
  const whole = new Uint8Array(bytes);
  let filled = 0;
  for await (const piece of stream) {
    whole.set(piece, filled);
    filled += piece.byteLength;
  }
  return whole.subarray(0, filled);
}

/** Reads a stream to its end for the sake of whether it fails. */
export async function readOut(stream: ReadableStream<Uint8Array>): Promise<void> {
  await stream.pipeTo(new WritableStream());
}
