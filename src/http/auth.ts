import { MobulaError } from '../core/errors.ts';
import { bearerTokens, type TokenLists } from './bearer.ts';
import type { Caller } from './caller.ts';
import { signedTokens } from './capability.ts';
import type { Knock, Prover } from './prover.ts';
import type { SignedTokens } from './tokens.ts';

export interface Access {
  /** Who calls. Throws `unauthenticated` without proof, and `forbidden` where the proof is for something else. */
  authorise(knock: Knock): Promise<Caller>;
}

export interface AccessOptions extends TokenLists {
  /** Null without `MOBULA_SECRET`: then no status token and no capability can be good. */
  readonly tokens: SignedTokens | null;
  /** Further kinds of proof, asked in this order after the bearers. */
  readonly provers?: readonly Prover[];
}

/** Who may come in, by the deployment's settings. Where nothing is configured, nobody may but to public routes. */
export function createAccess({ tokens, provers = [], ...lists }: AccessOptions): Access {
  const all = [bearerTokens(lists), ...(tokens ? [signedTokens(tokens)] : []), ...provers];
  return {
    async authorise(knock) {
      if (knock.route.scope === 'public') return { kind: 'anonymous' };
      const caller = await firstProof(all, knock);
      if (!caller) throw new MobulaError('unauthenticated', 'This call needs a valid proof of who makes it.');
      if (!mayCall(caller, knock)) throw new MobulaError('forbidden', 'This proof is not good for this call.');
      return caller;
    },
  };
}

async function firstProof(provers: readonly Prover[], knock: Knock): Promise<Caller | null> {
  for (const prove of provers) {
    const caller = await prove(knock);
    if (caller) return caller;
  }
  return null;
}

function mayCall(caller: Caller, { route: { scope }, params }: Knock): boolean {
  switch (caller.kind) {
    case 'anonymous':
      return scope === 'public';
    case 'bearer':
      if (scope === 'begin' || scope === 'attempt' || scope === 'public') return scope === 'public';
      return caller.scopes.has('admin') || caller.scopes.has(scope === 'status' ? 'read' : scope);
    case 'status':
      return scope === 'status' && params['id'] === caller.executionId;
    case 'attempt': {
      const isItsOwn = params['id'] === caller.executionId && params['attempt'] === String(caller.attempt);
      // A driver whose answer to begin was lost asks again, and may hold either capability by then.
      return isItsOwn && (scope === 'begin' || (scope === 'attempt' && caller.nonce !== null));
    }
  }
}
