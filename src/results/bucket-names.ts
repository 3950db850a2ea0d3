import { MobulaError } from '../core/errors.ts';
import type { Digest } from '../core/result-store.ts';

/** Where results are, and how failures call it. */
export interface BucketPlace {
  readonly name: 's3' | 'gcs';
  readonly bucket: string;
  /** What every key begins with, without slashes around it; empty for none. */
  readonly prefix: string;
}

export interface BucketNames {
  keyOf(digest: Digest): string;
  reference(digest: Digest): string;
  /** Null for a reference of another store, bucket or prefix, and for any that we would not have written so. */
  parse(reference: string): Digest | null;
}

const schemes = { s3: 's3', gcs: 'gs' } as const;

/** Keys and references of contract §6. A reference is ours if we would make it again from what it says. */
export function bucketNames({ name, bucket, prefix }: BucketPlace): BucketNames {
  const setting = `MOBULA_RESULT_STORAGE_${name.toUpperCase()}`;
  // Names that mean the same to a URL, a signature and a reference. The doubtful ones are refused, not escaped.
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket) || bucket.includes('..')) {
    throw new MobulaError('misconfigured', `${setting}_BUCKET is not the name of a bucket`);
  }
  const isPlain = /^([\w.-]+(\/[\w.-]+)*)?$/.test(prefix) && !/(^|\/)\.\.?(\/|$)/.test(prefix);
  if (!isPlain || prefix.length > 200) {
    throw new MobulaError(
      'misconfigured',
      `${setting}_PREFIX must be words of letters, digits, _, - and . between slashes`,
    );
  }
  const folder = prefix === '' ? '' : `${prefix}/`;
  const keyOf = ({ sha256 }: Digest) => `${folder}${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.json`;
  const reference = (digest: Digest) => `${schemes[name]}://${bucket}/${keyOf(digest)}?bytes=${digest.bytes}`;
  return {
    keyOf,
    reference,
    parse(text) {
      const [, sha256, bytes] = /\/([0-9a-f]{64})\.json\?bytes=(\d{1,15})$/.exec(text) ?? [];
      const digest = sha256 ? { sha256, bytes: Number(bytes) } : null;
      return digest && reference(digest) === text ? digest : null;
    },
  };
}
