export const resultStoreNames = ['digest', 'filesystem', 's3', 'gcs'] as const;
export type ResultStoreName = (typeof resultStoreNames)[number];

/** A value by its content: the lower-case hex SHA-256 and the length of its JSON text in UTF-8. */
export interface Digest {
  readonly sha256: string;
  readonly bytes: number;
}

/** How a driver hands a value over: straight to the store, or through the app where the store has no address of its own. */
export interface SignedUpload {
  readonly method: 'PUT';
  /** Null: the app's own upload route, which ends in `putStream`. */
  readonly url: string | null;
  /** To be sent exactly so: the signature covers them. 2xx is stored; 409 and 412 say that the value is there already. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a reference gives no value; the message is for people and holds no secret. */
export interface NoValue {
  readonly kind: 'absent' | 'mismatch' | 'foreign';
  readonly message: string;
}

/** What reading gives: the verified bytes, or why there are none. Never other bytes. */
export type ReadAnswer =
  | { readonly kind: 'found'; readonly bytes: Uint8Array }
  | { readonly kind: 'too_large'; readonly message: string }
  | NoValue;

/** What opening gives; `bytes` is the length that the stream has if it ends without an error. */
export type OpenAnswer =
  | { readonly kind: 'found'; readonly bytes: number; readonly stream: ReadableStream<Uint8Array> }
  | NoValue;

/**
 * A content-addressed, create-only home for values too large for a row. Failures of the store itself are thrown as
 * `store_unavailable`, after one try: patience is for the caller. What is wrong with one object is an answer.
 */
export interface ResultStore {
  readonly name: ResultStoreName;
  /** False for `digest`, which keeps no bytes. */
  readonly keepsValues: boolean;
  /** The reference of contract §6 for a value; made without I/O. */
  reference(digest: Digest): string;
  /** Creates the object of these bytes; one that is there already (see `has`) is left alone. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
  /**
   * Creates the object from a stream, in flat memory. False: the stream had another length or digest, and nothing was
   * kept of it.
   */
  putStream(digest: Digest, stream: ReadableStream<Uint8Array>): Promise<boolean>;
  /** Reads a value whole and verified; one longer than `bytesMax` is `too_large` and costs no I/O. */
  read(reference: string, bytesMax: number): Promise<ReadAnswer>;
  /**
   * Reads a value as a stream, in flat memory. A value that turns out to have another length or digest, or a store that
   * falls silent, makes the stream fail before its end: the last piece is let go only when the whole was verified.
   */
  open(reference: string): Promise<OpenAnswer>;
  /**
   * Whether the object is there with this length and, where the store can tell that without reading it, this digest.
   * The store that can is S3, which has verified it; GCS repeats what the signed upload said.
   */
  has(digest: Digest): Promise<boolean>;
  /** Removes the object; repeatable. A foreign reference is left alone and answers false. */
  remove(reference: string): Promise<boolean>;
  /** Null where the store takes no uploads (`digest`). */
  signUpload(digest: Digest): Promise<SignedUpload | null>;
  /**
   * A URL that gives the object to whoever holds it, as an attachment of type application/json, for at most five minutes.
   * Null for a foreign reference and where the store signs none: then `open` it. It does not say that the object is there.
   */
  signDownload(reference: string): Promise<string | null>;
  /**
   * What is configured wrongly (no bucket, no credentials, no right to write), by name and without secrets; empty when a
   * value could be written, seen and removed. A store that is merely away is thrown, as by every other call.
   */
  check(): Promise<string[]>;
}
