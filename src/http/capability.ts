import { bearerIn } from './bearer.ts';
import type { Caller } from './caller.ts';
import type { Prover } from './prover.ts';
import type { Claims, SignedTokens } from './tokens.ts';

/** Proves by a token that we signed: a status token, or a driver's capability. */
export const signedTokens =
  (tokens: SignedTokens): Prover =>
  async ({ request }) => {
    const token = bearerIn(request.headers);
    const claims = token === null ? null : tokens.read(token);
    return claims && callerOf(claims);
  };

function callerOf(claims: Claims): Caller | null {
  switch (claims.use) {
    case 'status':
      return { kind: 'status', executionId: claims.id, expiresAt: new Date(claims.exp * 1_000) };
    case 'begin':
      return { kind: 'attempt', executionId: claims.id, attempt: claims.attempt, nonce: null, task: null };
    case 'attempt':
      return {
        kind: 'attempt',
        executionId: claims.id,
        attempt: claims.attempt,
        nonce: claims.nonce,
        task: claims.task,
      };
    case 'chain':
      return null; // good for one call, which chain-link.ts sees to
  }
}
