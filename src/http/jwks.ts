import { type CryptoKey, createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import * as z from 'zod';
import { MobulaError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

export interface JwksOptions {
  readonly url: string;
  readonly send: typeof fetch;
  /** Milliseconds that only grow. */
  readonly monotonicMs: () => number;
}

/** The key that a token's header names; null where the issuer has none of that name. */
export type KeySource = (header: JWSHeaderParameters) => Promise<CryptoKey | null>;

/**
 * The keys of an issuer, fetched from one address when first needed and kept for their time. Nothing that is not in them
 * is believed: without keys the answer is `oidc_unavailable`. A name that is unknown is asked after once a minute at most.
 */
export function issuerKeys(options: JwksOptions): KeySource {
  const now = () => options.monotonicMs() / 1_000;
  let held: { readonly find: ReturnType<typeof createLocalJWKSet>; readonly since: number } | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let failedAt = Number.NEGATIVE_INFINITY;

  const keep = async () => {
    askedAt = now();
    try {
      held = { find: createLocalJWKSet(await fetchKeys(options)), since: now() };
    } catch (cause) {
      failedAt = now();
      throw unavailable(cause);
    }
  };
  const current = async () => {
    if (held && now() - held.since < limits.oidcKeysSeconds) return held;
    if (now() - failedAt < limits.oidcRetrySeconds) throw unavailable();
    await keep();
    return held as NonNullable<typeof held>;
  };
  return async (header) => {
    const key = await keyIn(await current(), header);
    if (key || now() - askedAt < limits.oidcRefetchSeconds) return key;
    await keep();
    return keyIn(await current(), header);
  };
}

async function keyIn(
  { find }: { readonly find: ReturnType<typeof createLocalJWKSet> },
  header: JWSHeaderParameters,
): Promise<CryptoKey | null> {
  try {
    return await find(header);
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

const keySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** One GET, bounded in time and size, that follows nobody elsewhere. */
async function fetchKeys({ url, send }: JwksOptions): Promise<JSONWebKeySet> {
  const signal = AbortSignal.timeout(limits.oidcCallSeconds * 1_000);
  const response = await send(url, { redirect: 'manual', signal });
  if (response.status !== 200) throw new RangeError(`The issuer’s keys: HTTP ${response.status}`);
  const text = await boundedText(response);
  return keySet.parse(JSON.parse(text)) as JSONWebKeySet;
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > limits.oidcKeysBytes) throw new RangeError('The issuer’s keys are too many bytes.');
  }
  return text;
}

const unavailable = (cause?: unknown) =>
  new MobulaError('oidc_unavailable', 'The keys of the token’s issuer cannot be had at the moment.', {
    retryAfterSeconds: limits.oidcRetrySeconds,
    cause,
  });
