import type { Digest, SignedUpload } from '../core/result-store.ts';
import type { Pieces } from './verified.ts';

/** An object as its store describes it, unread. */
export interface ObjectSight {
  readonly bytes: number;
  /** Lower-case hex; null where the store does not know. */
  readonly sha256: string | null;
}

/** An object that is being sent. */
export interface ObjectStream {
  /** What the store says its length is; null where it does not. */
  readonly bytes: number | null;
  readonly pieces: Pieces;
}

/**
 * What became of an object: `kept` where the answer shows the digest that the store has taken in, `told` where it only
 * says yes, `taken` where another is there already or is being made.
 */
export type Creation = 'kept' | 'told' | 'taken';

/**
 * What an object store has to be able to do to hold results: four calls and two signatures, each tried once. Whatever is
 * thrown counts as the store being unavailable; a `BucketFault` says why. Signals are obeyed where the client can.
 */
export interface BucketWire {
  /** Creates an object that is not there yet. */
  create(
    key: string,
    digest: Digest,
    body: Uint8Array | ReadableStream<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Creation>;
  /** Null where there is none. */
  look(key: string, signal: AbortSignal): Promise<ObjectSight | null>;
  /** Null where there is none. */
  get(key: string, signal: AbortSignal): Promise<ObjectStream | null>;
  /** No object is no failure. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  signPut(key: string, digest: Digest): Promise<SignedUpload>;
  /** Null where there is nothing to sign with. */
  signGet(key: string): Promise<string | null>;
}

/** A wire that is loaded at the first call: each SDK takes a quarter of a second, which no cold start should pay for. */
export function lazily(load: () => Promise<BucketWire>): BucketWire {
  let loading: Promise<BucketWire> | undefined;
  const wire = () => (loading ??= load());
  return {
    create: async (...call) => (await wire()).create(...call),
    look: async (...call) => (await wire()).look(...call),
    get: async (...call) => (await wire()).get(...call),
    remove: async (...call) => (await wire()).remove(...call),
    signPut: async (...call) => (await wire()).signPut(...call),
    signGet: async (...call) => (await wire()).signGet(...call),
  };
}

/** All but `failed` are for somebody to mend, and will not pass. */
export type BucketFaultKind = 'no_bucket' | 'no_credentials' | 'refused' | 'misconfigured' | 'failed';

/** Why a bucket could not be used, in words that complete "The S3 bucket x …" and hold no URL, header or body. */
export class BucketFault extends Error {
  override readonly name = 'BucketFault';
  readonly kind: BucketFaultKind;

  constructor(kind: BucketFaultKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

const noSuchBucket = /^(NoSuchBucket|The specified bucket does not exist\.?)$/;

/** What a refusing answer means, by its status and the store's own word for it. */
export function faultOf(status: number, word: string | undefined, cause?: unknown): BucketFault {
  const said = word && /^[\w .-]{1,80}$/.test(word) ? ` (${word})` : '';
  if (status === 404 && noSuchBucket.test(word ?? '')) return new BucketFault('no_bucket', 'does not exist', cause);
  const kind = status === 401 || status === 403 ? 'refused' : 'failed';
  return new BucketFault(kind, `answered HTTP ${status}${said}`, cause);
}
