import { createHash, randomUUID } from 'node:crypto';
import { sign as signGithub } from '@octokit/webhooks-methods';
import { SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';

/** What a sender sends: the bytes, and the headers that prove them. */
export interface Sent {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const json = { 'content-type': 'application/json' };

/** As GitHub delivers; signed by GitHub's own library. */
export async function fromGithub(secret: string, body: string, id: string = randomUUID()): Promise<Sent> {
  const signature = await signGithub(secret, body);
  const named = { 'x-github-event': 'push', 'x-github-delivery': id };
  return { body, headers: { ...json, ...named, 'x-hub-signature-256': signature } };
}

/** A secret as Standard Webhooks spells it. */
export const whsec = (bytes: number, fill = 's'): string =>
  `whsec_${Buffer.from(fill.repeat(bytes)).toString('base64')}`;

/** As a sender of Standard Webhooks delivers; signed by the specification's own library. */
export function fromStandardWebhooks(
  secret: string,
  body: string,
  { id = `msg_${randomUUID()}`, at = new Date() }: { id?: string; at?: Date } = {},
): Sent {
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
  return { body, headers: { ...json, ...headers } };
}

export interface QstashWords {
  readonly url: string;
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly messageId?: string;
}

/** As QStash delivers: what its signature says is what its own `Receiver` was seen to accept. */
export async function fromQstash(
  key: string,
  body: string,
  { url, claims = {}, header = {}, messageId = `msg_${randomUUID()}` }: QstashWords,
): Promise<Sent> {
  const now = Math.floor(Date.now() / 1_000);
  const said = {
    iss: 'Upstash',
    sub: url,
    exp: now + 300,
    nbf: now,
    iat: now,
    jti: `jwt_${randomUUID()}`,
    body: createHash('sha256').update(body).digest('base64url'),
    ...claims,
  };
  const signature = await new SignJWT(said)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...header })
    .sign(new TextEncoder().encode(key));
  return { body, headers: { ...json, 'upstash-signature': signature, 'upstash-message-id': messageId } };
}
