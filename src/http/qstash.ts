import * as z from 'zod';
import { type Delivery, type HookVerifier, type ProvenDelivery, verifierKind } from '../core/hook.ts';
import { addressOf } from './address.ts';
import { lengthProblem } from './hook-secret.ts';
import { isInTime, readJwt, tokenTimes } from './jwt.ts';
import type { Prover } from './prover.ts';

const claims = z.object({
  ...tokenTimes,
  iss: z.literal('Upstash'),
  sub: z.string(),
  body: z.string(),
  jti: z.string().optional(),
});

/**
 * Webhooks and messages of QStash: a JWT over the address and the body, good for five minutes, by the current signing key
 * or the next one. The delivery is known by `Upstash-Message-Id`, which is the same with every try.
 */
export const qstash = (): HookVerifier => ({
  kind: verifierKind,
  signsUrl: true,
  secretProblem: lengthProblem,
  verify: verifyMessage,
});

async function verifyMessage(
  { headers, url, bytes }: Delivery,
  secrets: readonly string[],
  now: () => Promise<Date>,
): Promise<ProvenDelivery | null> {
  const token = headers.get('upstash-signature');
  if (token === null || url === null) return null;
  const read = (secret: string) => readJwt(token, new TextEncoder().encode(secret), { algorithm: 'HS256', claims });
  const said = (await Promise.all(secrets.map(read))).find((each) => each !== null);
  if (!said || said.sub !== url || said.body.replace(/=+$/, '') !== (await bodyDigest(bytes))) return null;
  if (!isInTime(said, await now())) return null;
  return { id: headers.get('upstash-message-id') ?? said.jti ?? null };
}

async function bodyDigest(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export interface QstashOptions {
  readonly signingKeys: readonly string[];
  /** Where the app is, for everybody: what the address in a signature is compared with. */
  readonly publicUrl: string;
  readonly now: () => Promise<Date>;
}

/** Proves by QStash's signature over this very address and body. Elsewhere than at a trigger no body is read for it. */
export const qstashSignatures =
  ({ signingKeys, publicUrl, now }: QstashOptions): Prover =>
  async (knock) => {
    const { headers } = knock.request;
    if (knock.route.scope !== 'trigger' || !headers.has('upstash-signature')) return null;
    const delivery = { headers, url: addressOf(knock, publicUrl), bytes: await knock.readBytes() };
    return (await verifyMessage(delivery, signingKeys, now)) ? { kind: 'trigger', by: 'qstash' } : null;
  };
