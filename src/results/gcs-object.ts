import * as z from 'zod';
import type { Digest } from '../core/result-store.ts';
import { BucketFault, faultOf, type ObjectSight } from './bucket-wire.ts';

/** Of a service account's key file, what we need of it. */
export interface GcsKey {
  readonly client_email: string;
  /** PKCS #8, in PEM. */
  readonly private_key: string;
  /** Where a signed wish is exchanged for a token; Google's own unless said. */
  readonly token_uri?: string | undefined;
}

export const googleEndpoint = 'https://storage.googleapis.com';

/** Whether an address is an emulator's, which needs no credentials; a private address of Google's own does. */
export const isEmulator = (endpoint: string | undefined): boolean =>
  endpoint !== undefined && !/(^|\.)googleapis\.com$/.test(new URL(endpoint).hostname);

/** What an object of ours is made with. GCS verifies no SHA-256: it keeps what it is told, and repeats it. */
export const objectMetadata = (key: string, { sha256 }: Digest) => ({
  name: key,
  contentType: 'application/json',
  metadata: { sha256 },
});

const described = z.object({
  size: z.coerce.number(),
  metadata: z.object({ sha256: z.string().optional() }).optional(),
});

/** What GCS says of an object. */
export function toSight(description: unknown): ObjectSight {
  const { size, metadata } = described.parse(description);
  return { bytes: size, sha256: metadata?.sha256 ?? null };
}

/** Whether an object that was just made is described as it should be; null is no description. */
export function isKept(description: unknown, digest: Digest): boolean {
  const { success, data } = described.safeParse(description);
  return success && data.size === digest.bytes && data.metadata?.sha256 === digest.sha256;
}

/** The headers of an upload by URL that make GCS create only, keep the digest, and refuse any other length. */
export const uploadHeaders = ({ sha256, bytes }: Digest): Record<string, string> => ({
  'content-type': 'application/json',
  'x-goog-content-length-range': `${bytes},${bytes}`,
  'x-goog-if-generation-match': '0',
  'x-goog-meta-sha256': sha256,
});

const missingBucket = 'The specified bucket does not exist.';

/** What a refusing answer means: GCS tells a missing bucket from a missing object by a sentence alone. */
export function gcsFault(status: number, text: string, cause?: unknown): BucketFault {
  if (isMissingBucket(status, text)) return new BucketFault('no_bucket', 'does not exist', cause);
  return faultOf(status, /"reason":\s*"(\w{1,40})"/.exec(text)?.[1], cause);
}

export const isMissingBucket = (status: number, text: string): boolean =>
  status === 404 && text.includes(missingBucket);
