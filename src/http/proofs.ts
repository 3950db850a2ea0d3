import type { Caller, Scope } from './caller.ts';

interface Scheme {
  readonly type: 'http' | 'apiKey';
  readonly scheme?: string;
  readonly bearerFormat?: string;
  readonly in?: 'header';
  readonly name?: string;
  readonly description: string;
}

const bearer = (description: string, bearerFormat?: string): Scheme => ({
  type: 'http',
  scheme: 'bearer',
  ...(bearerFormat ? { bearerFormat } : {}),
  description,
});
const header = (name: string, description: string): Scheme => ({ type: 'apiKey', in: 'header', name, description });

/** Every kind of proof, as the document describes it. */
export const proofSchemes = {
  trigger: bearer('May make work happen: `MOBULA_TRIGGER_TOKENS`.'),
  enqueue: bearer('May enqueue: `MOBULA_ENQUEUE_TOKENS`.'),
  read: bearer('May read everything: `MOBULA_READ_TOKENS`.'),
  admin: bearer('May do all that a bearer may: `MOBULA_ADMIN_TOKENS`.'),
  oidc: bearer('Cloud Scheduler and Cloud Tasks: an OIDC token of an allowed service account.', 'JWT'),
  cron_secret: bearer('Vercel’s cron: `CRON_SECRET`.'),
  qstash: header('Upstash-Signature', 'QStash: a JWT over the address and the body.'),
  status_token: bearer('May read one execution, until seven days from its enqueue. Given out with it.'),
  begin_capability: bearer('A driver’s, bound to one attempt, good until begin.'),
  capability: bearer('A driver’s, bound to one attempt that has begun.'),
  hook: header('Webhook-Signature', 'Its sender’s own: Standard Webhooks, GitHub, QStash, or a bearer token.'),
} as const satisfies Record<string, Scheme>;

/** Two are no schemes: what a door vouches for has not come over HTTP, and a chain's links we send to ourselves. */
export type Proof = keyof typeof proofSchemes | 'platform' | 'chain';

/** Which proofs open which scope. There is no other table: calls are admitted by it, and the document is made of it. */
export const proofsFor: Readonly<Record<Scope, readonly Proof[]>> = {
  public: [],
  trigger: ['trigger', 'oidc', 'cron_secret', 'qstash', 'platform', 'chain', 'admin'],
  cron: ['cron_secret'],
  enqueue: ['enqueue', 'admin'],
  read: ['read', 'admin'],
  admin: ['admin'],
  purge: ['admin', 'oidc', 'cron_secret', 'platform'],
  status: ['read', 'status_token', 'admin'],
  // A driver whose answer to begin was lost asks again, and may hold either capability by then.
  begin: ['begin_capability', 'capability'],
  attempt: ['capability'],
  attempts: ['begin_capability', 'capability'],
  hook: ['hook'],
};

/** What a caller has proven. */
export function proofsOf(caller: Caller): readonly Proof[] {
  switch (caller.kind) {
    case 'anonymous':
      return [];
    case 'bearer':
      return [...caller.scopes];
    case 'trigger':
      return [caller.by];
    case 'chain':
      return ['chain'];
    case 'status':
      return ['status_token'];
    case 'attempt':
      return [caller.nonce === null ? 'begin_capability' : 'capability'];
    case 'hook':
      return ['hook'];
  }
}
