/**
 * What a route asks of its caller. Five are for bearer tokens: `purge` is `admin`, or the proof of a platform's cron with
 * an empty body.
 * `cron` are the routes that a cron can only GET. `status` is `read`, or a status token of the very `:id`. `begin` and
 * `attempt` are the driver's: a capability of the very `:id` and `:attempt`, until begin and after. `hook` is the proof of
 * that hook's sender. `attempts` is a driver's of many: any capability opens it, and each attempt proves itself.
 */
export const scopes = [
  'public',
  'trigger',
  'cron',
  'enqueue',
  'read',
  'admin',
  'purge',
  'status',
  'begin',
  'attempt',
  'attempts',
  'hook',
] as const;
export type Scope = (typeof scopes)[number];

/** The scopes that a bearer token is configured for. */
export type TokenScope = Extract<Scope, 'trigger' | 'enqueue' | 'read' | 'admin'>;

/** Who calls, as far as it was proven. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'bearer'; readonly scopes: ReadonlySet<TokenScope> }
  /** A scheduler or a queue of somebody's platform, by its own proof. */
  | { readonly kind: 'trigger'; readonly by: 'oidc' | 'cron_secret' | 'qstash' | 'platform' }
  /** A `/run` that goes on where another had to stop: the how manieth in a row, and the stamp of the next. */
  | { readonly kind: 'chain'; readonly stamp: string; readonly link: number }
  /** `expiresAt` has not been judged: the database's clock does that. */
  | { readonly kind: 'status'; readonly executionId: string; readonly expiresAt: Date }
  /** `nonce` and `task` are null for the capability that an attempt begins with. */
  | {
      readonly kind: 'attempt';
      readonly executionId: string;
      readonly attempt: number;
      readonly nonce: string | null;
      readonly task: string | null;
    }
  /** `deliveryId` is null where the sender names its deliveries by nothing. */
  | { readonly kind: 'hook'; readonly hook: string; readonly deliveryId: string | null };
