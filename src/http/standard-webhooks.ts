import { type HookVerifier, verifierKind } from '../core/hook.ts';
import { limits } from '../core/limits.ts';
import { fromBase64, isSignedByAny } from './hmac.ts';

/**
 * Webhooks by the Standard Webhooks specification, and those of Svix, which names the same headers `svix-…`: HMAC-SHA-256
 * over id, time and body, five minutes around the time, the delivery known by its id.
 */
export const standardWebhooks = (): HookVerifier => ({
  kind: verifierKind,
  secretProblem: (secret) => (keyOf(secret) ? null : 'must be `whsec_` and the Base64 of 24 to 64 bytes, each'),
  async verify({ headers, bytes }, secrets, now) {
    const word = (name: string) => headers.get(`webhook-${name}`) ?? headers.get(`svix-${name}`) ?? '';
    const [id, timestamp] = [word('id'), word('timestamp')];
    // What is signed is `id.time.body`: an id with a full stop could stand for another id with another time.
    if (id === '' || id.includes('.') || !/^\d{1,12}$/.test(timestamp)) return null;
    const keys = secrets.flatMap((secret) => keyOf(secret) ?? []);
    const isSigned = await isSignedByAny(keys, signedContent(id, timestamp, bytes), signaturesOf(word('signature')));
    if (!isSigned) return null;
    const age = (await now()).getTime() / 1_000 - Number(timestamp);
    return Math.abs(age) <= limits.webhookToleranceSeconds ? { id } : null;
  },
});

/** The symmetric signatures (`v1`) of a list; there are not more than a rotation needs. */
const signaturesOf = (list: string): Uint8Array[] =>
  list
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .slice(0, signaturesMax)
    .flatMap((each) => fromBase64(each.slice('v1,'.length)) ?? []);

const signaturesMax = 10;

function signedContent(id: string, timestamp: string, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

function keyOf(secret: string): Uint8Array | null {
  const key = secret.startsWith('whsec_') ? fromBase64(secret.slice('whsec_'.length)) : null;
  return key && key.length >= 24 && key.length <= 64 ? key : null;
}
