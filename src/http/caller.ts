/**
 * What a route asks of its caller. Four are scopes of bearer tokens. `status` is `read`, or a status token of the very
 * `:id`. `begin` and `attempt` are the driver's: a capability of the very `:id` and `:attempt`, until begin and after.
 */
export const scopes = ['public', 'trigger', 'enqueue', 'read', 'admin', 'status', 'begin', 'attempt'] as const;
export type Scope = (typeof scopes)[number];

/** The scopes that a bearer token is configured for. */
export type TokenScope = Extract<Scope, 'trigger' | 'enqueue' | 'read' | 'admin'>;

/** Who calls, as far as it was proven. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'bearer'; readonly scopes: ReadonlySet<TokenScope> }
  /** `expiresAt` has not been judged: the database's clock does that. */
  | { readonly kind: 'status'; readonly executionId: string; readonly expiresAt: Date }
  /** `nonce` and `task` are null for the capability that an attempt begins with. */
  | {
      readonly kind: 'attempt';
      readonly executionId: string;
      readonly attempt: number;
      readonly nonce: string | null;
      readonly task: string | null;
    };
