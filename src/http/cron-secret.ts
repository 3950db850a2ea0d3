import { bearerIn } from './bearer.ts';
import type { Prover } from './prover.ts';
import { isOneOf } from './same-secret.ts';

/** Proves by the secret that Vercel's cron sends as a bearer token. */
export const cronSecret =
  (secret: string): Prover =>
  async ({ request }) => {
    const token = bearerIn(request.headers);
    return token !== null && isOneOf([secret], token) ? { kind: 'trigger', by: 'cron_secret' } : null;
  };
