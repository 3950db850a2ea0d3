import { Hono } from 'hono';
import { type AccessOptions, createAccess } from '../../src/http/auth.ts';
import { mountRoutes } from '../../src/http/mount.ts';
import type { Route } from '../../src/http/route.ts';

/** Tokens as a deployment would have them, one of each scope. */
export const bearer = {
  trigger: `trigger-${'t'.repeat(32)}`,
  enqueue: `enqueue-${'e'.repeat(32)}`,
  read: `read-${'r'.repeat(32)}`,
  admin: `admin-${'a'.repeat(32)}`,
};

export const lists: AccessOptions = {
  triggerTokens: [`other-${'o'.repeat(32)}`, bearer.trigger],
  enqueueTokens: [bearer.enqueue],
  readTokens: [bearer.read],
  adminTokens: [bearer.admin],
  tokens: null,
};

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly members: Readonly<Record<string, unknown>>;
}

/** An app of these routes, and what it logs. */
export function appOf(routes: readonly Route[], access: Partial<AccessOptions> = {}) {
  const logged: Logged[] = [];
  const app = mountRoutes(new Hono(), routes, {
    access: createAccess({ ...lists, ...access }),
    maxBodyBytes: 1_000,
    log: (level, event, members = {}) => logged.push({ level, event, members }),
  });
  return { app, logged };
}

export const authorization = (token: string) => ({ authorization: `Bearer ${token}` });

export type Sent = string | Uint8Array | ReadableStream | null;

/** A POST of this body, as JSON unless the headers say otherwise. */
export const post = (body: Sent, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', ...headers },
  ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
});
