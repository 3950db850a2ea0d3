import { Buffer } from 'node:buffer';
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
 * Takes in a value's pieces in their order; throws as soon as one shows that it is another value, or at the end.
 *
 * It hashes by `node:crypto` because WebCrypto cannot do so piece by piece; workerd has it too.
 */
function verifier(digest: Digest) {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    take(piece: Uint8Array): void {
      bytes += piece.byteLength;
      if (bytes > digest.bytes) throw new WrongBytes(`There are more than ${digest.bytes} bytes.`);
      hash.update(piece);
    },
    end(): void {
      if (bytes !== digest.bytes) throw new WrongBytes(`There are ${bytes} bytes instead of ${digest.bytes}.`);
      if (hash.digest('hex') !== digest.sha256) throw new WrongBytes('The bytes have another SHA-256.');
    },
  };
}

/** A read that waits for ever ends when its source is cancelled. */
function cancelOn(stop: AbortSignal | undefined, source: Pieces): void {
  stop?.addEventListener('abort', () => void source.cancel(stop.reason).catch(() => undefined), { once: true });
}

/**
 * The source as a stream, which fails before its end unless it has the digest's length and SHA-256: the last piece is
 * held back until the whole is verified, so whoever takes a failed stream for a value has too few bytes.
 */
export function verified(
  source: Pieces,
  digest: Digest,
  { onAsk, onGive, onFail, stop }: Listener = {},
): ReadableStream<Uint8Array> {
  const whole = verifier(digest);
  let held: Uint8Array | undefined;

  /** Takes in what was read and gives out the piece before it: the last one only if all of them were right. */
  function exchange({ done, value }: Awaited<ReturnType<Pieces['read']>>): Uint8Array | undefined {
    const before = held;
    if (done) {
      whole.end();
      return before;
    }
    if (!value?.byteLength) return undefined;
    whole.take(value);
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

  cancelOn(stop, source);
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

/** The source in one piece, if it has the digest's length and SHA-256: as `verified`, without the cost of a stream. */
export async function collect(
  source: Pieces,
  digest: Digest,
  { onAsk, onGive, stop }: Omit<Listener, 'onFail'> = {},
): Promise<Uint8Array> {
  const whole = verifier(digest);
  const pieces: Uint8Array[] = [];
  cancelOn(stop, source);
  try {
    for (;;) {
      onAsk?.();
      const { done, value } = await source.read();
      stop?.throwIfAborted();
      if (done) break;
      if (!value) continue;
      whole.take(value);
      pieces.push(value);
    }
    whole.end();
    return Buffer.concat(pieces, digest.bytes);
  } catch (error) {
    source.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    onGive?.();
  }
}

/** Reads a stream to its end for the sake of whether it fails. */
export async function readOut(stream: ReadableStream<Uint8Array>): Promise<void> {
  await stream.pipeTo(new WritableStream());
}
