import { type Server, token } from '../../test/support/server.ts';

/** An answer of the app; null where none came in time, or the connection broke. */
export type Heard = { readonly status: number; readonly json: Json } | null;

// biome-ignore lint/suspicious/noExplicitAny: answers of every route.
type Json = any;

/** Asks a server, which may be frozen, dead or cut off: so never for longer than eight seconds. */
export async function ask(
  server: Server,
  method: string,
  path: string,
  { body, headers = {}, seconds = 8 }: { body?: object; headers?: Record<string, string>; seconds?: number } = {},
): Promise<Heard> {
  try {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(seconds * 1_000),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, json: text ? JSON.parse(text) : null };
  } catch {
    return null;
  }
}
