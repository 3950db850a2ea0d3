import { createHmac } from 'node:crypto';
import { base64url } from 'jose';
import * as z from 'zod';
import { limits } from '../core/limits.ts';
import { digestOf, isSameDigest } from './same-secret.ts';

const executionId = z.string().min(1).max(100);
const attempt = z.int().min(1);

const claims = z.discriminatedUnion('use', [
  z.strictObject({ use: z.literal('status'), id: executionId, exp: z.int() }),
  z.strictObject({ use: z.literal('begin'), id: executionId, attempt }),
  z.strictObject({
    use: z.literal('attempt'),
    id: executionId,
    attempt,
    nonce: z.string().min(1).max(200),
    task: z.string().min(1).max(limits.nameLength),
  }),
  z.strictObject({ use: z.literal('chain'), stamp: z.string().min(1).max(40), link: z.int().min(1) }),
]);

/**
 * What a signed token says, in one of its uses, none of which stands for another: to read one execution until `exp`
 * (seconds since 1970), to begin one attempt, to report for one attempt of this task that began
 * with this nonce, or to be one link of the chain of runs.
 */
export type Claims = z.output<typeof claims>;

export interface SignedTokens {
  /** Signs with the first secret. */
  mint(claims: Claims): string;
  /** What a token of ours says, by whichever secret it was signed; null for anything else. `exp` is not judged here. */
  read(token: string): Claims | null;
}

const tokenLengthMax = 2_048;

/**
 * Compact JWS with HMAC-SHA-256 under one header, compared in constant time, as text: there is one spelling of each token.
 * By `node:crypto`, since a driver's and a poller's every call has one, and WebCrypto goes through another thread.
 */
export function signTokens(secrets: readonly string[]): SignedTokens {
  const [first] = secrets;
  if (first === undefined) throw new RangeError('Signing takes at least one secret.');
  return {
    mint(said) {
      const content = `${header}.${base64url.encode(JSON.stringify(claims.parse(said)))}`;
      return `${content}.${signatureOf(first, content)}`;
    },
    read(token) {
      const end = token.lastIndexOf('.');
      const content = token.slice(0, end);
      if (token.length > tokenLengthMax || !content.startsWith(`${header}.`)) return null;
      const signature = digestOf(token.slice(end + 1));
      const isOurs =
        secrets.filter((secret) => isSameDigest(digestOf(signatureOf(secret, content)), signature)).length > 0;
      return isOurs ? readClaims(content.slice(header.length + 1)) : null;
    },
  };
}

const header = base64url.encode('{"alg":"HS256"}');

const signatureOf = (secret: string, content: string): string =>
  createHmac('sha256', secret).update(content).digest('base64url');

/** Null for what is signed and says nothing that we know: a key may have signed other things. */
function readClaims(payload: string): Claims | null {
  try {
    return claims.safeParse(JSON.parse(new TextDecoder().decode(base64url.decode(payload)))).data ?? null;
  } catch {
    return null;
  }
}
