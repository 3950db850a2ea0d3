import { type HookVerifier, verifierKind } from '../core/hook.ts';
import { bearerIn } from './bearer.ts';
import { lengthProblem } from './hook-secret.ts';
import { isOneOf } from './same-secret.ts';

/**
 * Webhooks of senders that sign nothing: a bearer token of this hook's own. The delivery is known by `Idempotency-Key`,
 * where the sender says one.
 */
export const bearer = (): HookVerifier => ({
  kind: verifierKind,
  secretProblem: lengthProblem,
  async verify({ headers }, secrets) {
    const token = bearerIn(headers);
    if (token === null || !isOneOf(secrets, token)) return null;
    return { id: headers.get('idempotency-key') };
  },
});
