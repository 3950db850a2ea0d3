import { type CompactJWSHeaderParameters, type CryptoKey, compactVerify, decodeProtectedHeader, errors } from 'jose';
import * as z from 'zod';
import { limits } from '../core/limits.ts';

/** The times of a token, in seconds since 1970: numbers and nothing else, or it is none. */
export const tokenTimes = { exp: z.number(), nbf: z.number().optional(), iat: z.number().optional() };

/** Ways in which a token would choose its own key, or change the rules. */
const refusedHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64'];

type Key = Uint8Array | CryptoKey | ((header: CompactJWSHeaderParameters) => CryptoKey | Promise<CryptoKey>);

/** Whether this is a JWT by this algorithm and with nothing else to say of itself; told without a key. */
export function isJwtBy(algorithm: 'RS256' | 'HS256', token: string): boolean {
  if (token.length > tokenLengthMax) return false;
  try {
    const header = decodeProtectedHeader(token);
    const isPlain = refusedHeaders.every((name) => !(name in header));
    return isPlain && header.alg === algorithm && (header.typ ?? 'JWT').toUpperCase() === 'JWT';
  } catch {
    return false;
  }
}

const tokenLengthMax = 8_192;

/**
 * What a token says that this key has signed, as this schema has it; null for anything else. The algorithm is ours to
 * say, never the token's, and its times are not judged here.
 */
export async function readJwt<Schema extends z.ZodType>(
  token: string,
  key: Key,
  { algorithm, claims }: { algorithm: 'RS256' | 'HS256'; claims: Schema },
): Promise<z.output<Schema> | null> {
  if (!isJwtBy(algorithm, token)) return null;
  const payload = await verifiedPayload(token, key, algorithm);
  return payload ? (claims.safeParse(payload).data ?? null) : null;
}

/** jose says by throwing that a token is not what it should be; here that is an answer. Other failures are failures. */
async function verifiedPayload(token: string, key: Key, algorithm: string): Promise<unknown> {
  try {
    const verify = { algorithms: [algorithm] };
    // The two kinds of key have signatures of their own.
    const { payload } = await (typeof key === 'function'
      ? compactVerify(token, key, verify)
      : compactVerify(token, key, verify));
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether a token of these times is good now, by the database's clock. */
export function isInTime(
  { exp, nbf, iat }: { exp: number; nbf?: number | undefined; iat?: number | undefined },
  at: Date,
) {
  const seconds = at.getTime() / 1_000;
  const latest = seconds + limits.clockSkewSeconds;
  return exp > seconds && (nbf === undefined || nbf <= latest) && (iat === undefined || iat <= latest);
}
