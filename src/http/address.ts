import type { Knock } from './prover.ts';

/**
 * Where a request was sent to, as everybody outside knows the app: for signatures that name it. Made of the route that was
 * met and of `MOBULA_PUBLIC_URL`; what the request says of its host proves nothing.
 */
export function addressOf({ request, route, params }: Pick<Knock, 'request' | 'route' | 'params'>, publicUrl: string) {
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const query = request.url.indexOf('?');
  return publicUrl + path + (query < 0 ? '' : request.url.slice(query));
}
