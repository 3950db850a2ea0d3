import type { Readable } from 'node:stream';
import type { Pieces } from './verified.ts';

/** What a stream of Node's gives, piece by piece, without the cost of a web stream in between. */
export function nodePieces(stream: Readable): Pieces {
  // An error between two reads is for the next one to tell; unheard, it would end the process.
  stream.on('error', () => undefined);
  const pieces = stream[Symbol.asyncIterator]();
  return {
    read: () => pieces.next(),
    cancel: async (reason) => void stream.destroy(reason instanceof Error ? reason : undefined),
  };
}
