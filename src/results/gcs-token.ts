import { importPKCS8, SignJWT } from 'jose';
import * as z from 'zod';
import { BucketFault } from './bucket-wire.ts';
import { cancelBody } from './fetch-body.ts';
import type { GcsKey } from './gcs-object.ts';

/** A bearer token for the bucket, or null where nobody asks for one. */
export type TokenSource = (signal: AbortSignal) => Promise<string | null>;

const scope = 'https://www.googleapis.com/auth/devstorage.read_write';
const metadataUrl = 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token';
const granted = z.object({ access_token: z.string().min(1), expires_in: z.number() });

/** A token is renewed so long before its end, for calls that are under way then. */
const marginSeconds = 60;

/** Tokens of a service account: by its key, or without one by the metadata server of the machine that runs as it. */
export function gcsTokens(key: GcsKey | undefined, send: typeof fetch): TokenSource {
  let held: { token: string; untilMs: number } | undefined;
  return async (signal) => {
    if (held && Date.now() < held.untilMs) return held.token;
    const answer = await (key ? exchange(key, send, signal) : askMachine(send, signal));
    const { access_token: token, expires_in: seconds } = granted.parse(answer);
    held = { token, untilMs: Date.now() + (seconds - marginSeconds) * 1_000 };
    return token;
  };
}

async function exchange(key: GcsKey, send: typeof fetch, signal: AbortSignal): Promise<unknown> {
  const url = key.token_uri ?? 'https://oauth2.googleapis.com/token';
  const assertion = await new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(key.client_email)
    .setAudience(url)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(await importPKCS8(key.private_key, 'RS256'));
  const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  const answer = await send(url, { method: 'POST', body, signal, redirect: 'manual' });
  if (answer.ok) return answer.json();
  cancelBody(answer);
  const kind = answer.status < 500 ? 'refused' : 'failed';
  throw new BucketFault(kind, `cannot be used: Google's token service answered HTTP ${answer.status}`);
}

async function askMachine(send: typeof fetch, signal: AbortSignal): Promise<unknown> {
  const headers = { 'metadata-flavor': 'Google' };
  const answer = await send(metadataUrl, { headers, signal }).catch((error) => {
    throw new BucketFault('no_credentials', 'cannot be used without credentials', error);
  });
  if (answer.ok) return answer.json();
  cancelBody(answer);
  throw new BucketFault('no_credentials', 'cannot be used: this machine has no service account');
}
