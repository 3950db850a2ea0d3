import type { Scope } from './caller.ts';
import type { Route } from './route.ts';

/** What a page may do: look, and enqueue. What runs, deletes or reports is never a page's to ask. */
const browserScopes: readonly Scope[] = ['status', 'read', 'enqueue'];

const isForPages = ({ scope }: Route): boolean => browserScopes.includes(scope);

const preflightSeconds = 600;

export interface Cors {
  /** The answer to a preflight; null where the call it asks for is not a page's to make. */
  preflight(request: Request, routes: readonly Route[]): Response | null;
  /** Lets the page that asked read this answer, if it may. Nothing is said where no origin is configured. */
  expose(request: Request, routes: readonly Route[], response: Response): void;
}

/**
 * Who may call from a page: exactly these origins, and no others. No cookies are used, so none are allowed; `null` and `*`
 * are no origins.
 */
export function allowOrigins(origins: readonly string[]): Cors {
  const originOf = (request: Request): string | null => {
    const origin = request.headers.get('origin');
    return origin !== null && origins.includes(origin) ? origin : null;
  };
  return {
    preflight(request, routes) {
      const origin = originOf(request);
      const method = request.headers.get('access-control-request-method');
      const methods = routes.filter(isForPages).map((route) => route.method as string);
      if (origin === null || method === null || !methods.includes(method)) return null;
      return new Response(null, {
        status: 204,
        headers: {
          'access-control-allow-methods': methods.join(', '),
          'access-control-allow-headers': 'authorization, content-type, idempotency-key, if-none-match, prefer',
          'access-control-max-age': String(preflightSeconds),
        },
      });
    },
    expose(request, routes, { headers }) {
      if (origins.length === 0 || !routes.some(isForPages)) return;
      headers.append('vary', 'origin');
      const origin = originOf(request);
      if (origin === null || !routes.some((route) => isForPages(route) && answers(route, methodOf(request)))) return;
      headers.set('access-control-allow-origin', origin);
      headers.set('access-control-expose-headers', 'etag, retry-after, location');
    },
  };
}

/** The method that is asked, or asked for. */
const methodOf = ({ method, headers }: Request): string =>
  method === 'OPTIONS' ? (headers.get('access-control-request-method') ?? '') : method;

const answers = ({ method }: Route, asked: string): boolean => method === (asked === 'HEAD' ? 'GET' : asked);
