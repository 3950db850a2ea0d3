import * as z from 'zod';
import { bearerIn } from './bearer.ts';
import type { KeySource } from './jwks.ts';
import { isInTime, isJwtBy, readJwt, tokenTimes } from './jwt.ts';
import type { Prover } from './prover.ts';

export interface OidcOptions {
  readonly audiences: readonly string[];
  /** The accounts that may call; there is no “any”, since anybody can have a token made for our audience. */
  readonly emails: readonly string[];
  /** The issuer, in every spelling that it has. */
  readonly issuers: readonly string[];
  readonly keys: KeySource;
  /** The database's clock. */
  readonly now: () => Promise<Date>;
}

/** One audience and no list: a token for several could be played on by any of them. */
const claims = z.object({
  ...tokenTimes,
  iss: z.string(),
  aud: z.string(),
  email: z.string(),
  email_verified: z.literal(true),
});

/** Proves by an OIDC token of an allowed service account, as Cloud Scheduler and Cloud Tasks send it. */
export function oidcTokens({ audiences, emails, issuers, keys, now }: OidcOptions): Prover {
  return async ({ request }) => {
    const token = bearerIn(request.headers);
    if (token === null || !isJwtBy('RS256', token)) return null;
    const keyOf = async (header: Parameters<KeySource>[0]) => (await keys(header)) ?? unknownKey();
    const said = await readJwt(token, keyOf, { algorithm: 'RS256', claims });
    if (!said || !issuers.includes(said.iss) || !audiences.includes(said.aud) || !emails.includes(said.email))
      return null;
    return isInTime(said, await now()) ? { kind: 'trigger', by: 'oidc' } : null;
  };
}

const unknownKey = (): never => {
  throw new TypeError('The issuer has no such key.');
};
