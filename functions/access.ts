import { followChain } from '../src/db/chain.ts';
import { readClock } from '../src/db/clock.ts';
import { type Access, createAccess } from '../src/http/auth.ts';
import { chainLinks } from '../src/http/chain-link.ts';
import { cronSecret } from '../src/http/cron-secret.ts';
import { hookDeliveries } from '../src/http/hooks.ts';
import { issuerKeys } from '../src/http/jwks.ts';
import { oidcTokens } from '../src/http/oidc.ts';
import { platformCalls } from '../src/http/platform.ts';
import type { Prover } from '../src/http/prover.ts';
import { qstashSignatures } from '../src/http/qstash.ts';
import { google } from '../src/settings.ts';
import type { Deployed } from './deployed.ts';
import { linkSeconds } from './go-on.ts';

/** Who may call this deployment: by its tokens, and by every further kind of proof that it has the settings of. */
export function accessOf(deployed: Deployed): Access {
  const { settings, tokens, hooks, engine } = deployed;
  const now = () => readClock(engine.db);
  const publicUrl = settings.MOBULA_PUBLIC_URL ?? null;
  return createAccess({
    triggerTokens: settings.MOBULA_TRIGGER_TOKENS,
    enqueueTokens: settings.MOBULA_ENQUEUE_TOKENS,
    readTokens: settings.MOBULA_READ_TOKENS,
    adminTokens: settings.MOBULA_ADMIN_TOKENS,
    tokens,
    provers: [
      platformCalls,
      ...(tokens
        ? [chainLinks({ tokens, follow: (stamp) => followChain(engine.db, stamp, linkSeconds(deployed)) })]
        : []),
      hookDeliveries({ hooks, publicUrl, now }),
      ...(settings.CRON_SECRET ? [cronSecret(settings.CRON_SECRET)] : []),
      ...oidcProvers(deployed, now),
      ...qstashProvers(deployed, now),
    ],
  });
}

function oidcProvers({ settings, engine }: Deployed, now: () => Promise<Date>): Prover[] {
  const { MOBULA_OIDC_AUDIENCE: audiences, MOBULA_OIDC_EMAILS: emails, MOBULA_OIDC_ISSUER: issuer } = settings;
  if (audiences.length === 0) return [];
  const keys = issuerKeys({
    url: settings.MOBULA_OIDC_JWKS_URL,
    send: (...request) => fetch(...request),
    monotonicMs: engine.monotonicMs,
  });
  // Google names itself with the scheme in some tokens, and without it in others.
  const issuers = issuer === google.issuer ? [issuer, issuer.replace('https://', '')] : [issuer];
  return [oidcTokens({ audiences, emails, issuers, keys, now })];
}

function qstashProvers({ settings }: Deployed, now: () => Promise<Date>): Prover[] {
  const { MOBULA_PUBLIC_URL: publicUrl, QSTASH_CURRENT_SIGNING_KEY: current, QSTASH_NEXT_SIGNING_KEY: next } = settings;
  if (!current || !publicUrl) return [];
  return [qstashSignatures({ signingKeys: next ? [current, next] : [current], publicUrl, now })];
}
