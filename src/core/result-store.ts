export const resultStoreNames = ['digest', 'filesystem', 's3', 'gcs'] as const;
export type ResultStoreName = (typeof resultStoreNames)[number];

/** A value by its content: the lower-case hex SHA-256 and the length of its JSON text in UTF-8. */
export interface Digest {
  readonly sha256: string;
  readonly bytes: number;
}

/** How a driver hands a value over: straight to the store, or through the app where the store is a folder. */
export interface SignedUpload {
  readonly method: 'PUT';
  /** Null: the app's own upload route. */
  readonly url: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** What reading gives: the verified bytes, or why there are none. Never other bytes. */
export type ReadAnswer =
  | { readonly kind: 'found'; readonly bytes: Uint8Array }
  | { readonly kind: 'absent' | 'mismatch' | 'foreign'; readonly message: string };

/**
 * A content-addressed, create-only home for values too large for a row. Failures of the store itself are thrown as
 * `store_unavailable`; what is wrong with one object is an answer.
 */
export interface ResultStore {
  readonly name: ResultStoreName;
  /** False for `digest`, which keeps no bytes. */
  readonly keepsValues: boolean;
  /** The reference of contract §6 for a value; made without I/O. */
  reference(digest: Digest): string;
  /** Creates the object; one that is there already with the same length is left alone. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** Reads and verifies length and digest; a reference of another store, bucket or prefix is `foreign`. */
  read(reference: string): Promise<ReadAnswer>;
  /** Whether the object is there with this length. */
  has(digest: Digest): Promise<boolean>;
  /** Removes the object; repeatable. A foreign reference is left alone and answers false. */
  remove(reference: string): Promise<boolean>;
  /** Null where the store takes no uploads (`digest`). */
  signUpload(digest: Digest): Promise<SignedUpload | null>;
}
