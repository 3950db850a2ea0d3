import { MobulaError } from '../core/errors.ts';
import type { ResultStore } from '../core/result-store.ts';
import type { BucketPlace } from './bucket-names.ts';
import { BucketFault } from './bucket-wire.ts';
import { TimeUp } from './patience.ts';
import { makeProbe } from './probe.ts';

const titles = { s3: 'S3', gcs: 'GCS' } as const;

const credentialHelp = {
  s3: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role',
  gcs: 'set GOOGLE_APPLICATION_CREDENTIALS, or give this machine a service account',
} as const;

/** Turns whatever came of a call into our error; its message holds no URL, header or body. */
export function bucketUnavailable({ name, bucket }: BucketPlace, error: unknown): MobulaError {
  if (error instanceof MobulaError) return error;
  return new MobulaError('store_unavailable', `The ${titles[name]} bucket ${bucket} ${reasonOf(error)}.`, {
    cause: error,
    retryAfterSeconds: 5,
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof BucketFault) return error.message;
  if (error instanceof TimeUp) return `could not be used: ${error.message}`;
  const code = codeOf(error);
  return code ? `could not be reached (${code})` : 'could not be reached';
}

/** `ECONNREFUSED` and its kin, from wherever in the chain of causes it is. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(error.code)) return error.code;
  return codeOf(error.cause);
}

/** Writes, sees and removes a value of its own: the three rights that a deployment needs. What may pass is thrown. */
export async function findProblems(
  place: BucketPlace,
  store: Pick<ResultStore, 'put' | 'remove' | 'reference'>,
): Promise<string[]> {
  const probe = await makeProbe();
  try {
    await store.put(probe.digest, probe.bytes);
    await store.remove(store.reference(probe.digest));
    return [];
  } catch (error) {
    const fault = error instanceof MobulaError ? error.detail.cause : error;
    if (!(fault instanceof BucketFault) || fault.kind === 'failed') throw error;
    return [problemOf(place, fault)];
  }
}

const setting = (name: BucketPlace['name']): string => `MOBULA_RESULT_STORAGE_${name.toUpperCase()}_BUCKET`;

function problemOf({ name, bucket }: BucketPlace, fault: BucketFault): string {
  switch (fault.kind) {
    case 'no_bucket':
      return `${setting(name)}: there is no bucket ${bucket}`;
    case 'no_credentials':
      return `There are no credentials for ${titles[name]}: ${credentialHelp[name]}`;
    case 'refused':
      return `${setting(name)}: we may not write, see and remove objects in ${bucket}, which ${fault.message}`;
    default:
      return `${setting(name)}: ${bucket} ${fault.message}`;
  }
}
