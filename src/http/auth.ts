import { MobulaError } from '../core/errors.ts';
import { bearerTokens, type TokenLists } from './bearer.ts';
import type { Caller } from './caller.ts';
import { signedTokens } from './capability.ts';
import { proofsFor, proofsOf } from './proofs.ts';
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
      if (opens(caller, knock) && (await isForThis(caller, knock))) return caller;
      throw new MobulaError('forbidden', 'This proof is not good for this call.');
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

const opens = (caller: Caller, { route: { scope } }: Knock): boolean =>
  proofsOf(caller).some((proof) => proofsFor[scope].includes(proof));

/** Whether a proof that opens the scope is good for this very request: its id, its attempt, its body. */
async function isForThis(caller: Caller, { route: { scope }, params, readBytes }: Knock): Promise<boolean> {
  switch (caller.kind) {
    case 'anonymous':
    case 'bearer':
    case 'chain':
      return true;
    case 'trigger':
      // A cron deletes by the defaults and never by its own word.
      return scope !== 'purge' || (await readBytes()).length === 0;
    case 'status':
      return params['id'] === caller.executionId;
    case 'attempt':
      if (scope === 'attempts') return true; // Each in the body proves itself.
      return params['id'] === caller.executionId && params['attempt'] === String(caller.attempt);
    case 'hook':
      return params['name'] === caller.hook;
  }
}
