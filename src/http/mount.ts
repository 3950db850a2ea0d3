import type { Context, Hono } from 'hono';
import type { Log } from '../core/observe.ts';
import type { Access } from './auth.ts';
import { type Body, bodyOf } from './body.ts';
import { allowOrigins, type Cors } from './cors.ts';
import { type FormReader, formReader } from './form.ts';
import { once } from './once.ts';
import { check, emptyBody, type ParsedBody, parseForm, parseJson, parsePairs } from './parse.ts';
import { problem, problemAnswer } from './problem.ts';
import { type Route, takesBody } from './route.ts';
import { secure } from './security-headers.ts';

export interface MountOptions {
  readonly access: Access;
  /** The bound of bodies whose route names none. */
  readonly maxBodyBytes: number;
  readonly log: Log;
  /** Whose pages may call; nobody's unless said. */
  readonly corsOrigins?: readonly string[];
  /** Whether everybody reaches the app by https, whatever it sees itself behind a proxy. */
  readonly isHttps?: boolean;
}

/**
 * Puts the routes on an app, and one voice on everything else: what is unknown is a problem answer too.
 *
 * Each request is met in this order: is there such a route (404), with this method (405), may the caller (401, 403), is
 * the body of a kind (415) and size (413) that is taken, is it JSON (400), is it what the route expects (422). Mount
 * anything of your own first: what comes after is behind the 404.
 */
export function mountRoutes(hono: Hono, routes: readonly Route[], options: MountOptions): Hono {
  const cors = allowOrigins(options.corsOrigins ?? []);
  const finish = ({ req }: Context, response: Response) =>
    secure(response, { isHttps: options.isHttps === true || req.url.startsWith('https:') });
  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, methods] of [...byPath].toSorted(([one], [other]) => comparePaths(one, other))) {
    const doors = methods.map((route) => openDoor(route, options));
    hono.all(path, async (context) => {
      const response = await meet(context, doors, { log: options.log, cors });
      cors.expose(context.req.raw, methods, response);
      return finish(context, response);
    });
  }
  const notFound = (context: Context) =>
    finish(context, problemAnswer({ code: 'not_found', detail: 'There is no such route.' }));
  hono.all('*', notFound); // below a parent app, `notFound` is the parent's
  hono.notFound(notFound);
  hono.onError((error, context) => finish(context, problem(error, context.req.raw, options.log)));
  return hono;
}

/** Fixed segments come before parameters, so that `/executions/stats` is not the execution `stats`. */
function comparePaths(one: string, other: string): number {
  const [a, b] = [one, other].map((path) => path.replaceAll(':', '\uffff'));
  return a! < b! ? -1 : 1;
}

interface Door {
  readonly route: Route;
  admit(context: Context): Promise<Response>;
}

async function meet(
  context: Context,
  doors: readonly Door[],
  { log, cors }: { log: Log; cors: Cors },
): Promise<Response> {
  const { method, raw } = context.req;
  const door = doors.find(({ route }) => methodsOf(route).includes(method));
  if (!door)
    return (
      (method === 'OPTIONS' &&
        cors.preflight(
          raw,
          doors.map(({ route }) => route),
        )) ||
      methodNotAllowed(doors)
    );
  try {
    return await door.admit(context);
  } catch (error) {
    return problem(error, context.req.raw, log);
  }
}

/** What is read with GET is looked at with HEAD; a cron's GET does something, and is not to be had by a mere look. */
const methodsOf = ({ method, scope }: Route): string[] =>
  method === 'GET' && scope !== 'cron' ? ['GET', 'HEAD'] : [method];

function methodNotAllowed(doors: readonly Door[]): Response {
  const allowed = doors.flatMap(({ route }) => methodsOf(route));
  const detail = `This route takes ${allowed.join(', ')}.`;
  return problemAnswer({ code: 'method_not_allowed', detail, headers: { allow: allowed.join(', ') } });
}

function openDoor(route: Route, { access, maxBodyBytes }: MountOptions): Door {
  const { bodyBytesMax = maxBodyBytes } = route;
  const bytesMax = bodyBytesMax === 'unbounded' ? Number.POSITIVE_INFINITY : bodyBytesMax;
  // Made when first needed: a cold start should not pay for what its request does not use.
  const formOf = once(() => formReader(route.body));
  const queryOf = once(() => formReader(route.query));
  return {
    route,
    async admit({ req }) {
      const request = req.raw;
      const params: Record<string, string> = req.param();
      const sent = bodyOf(request, route, bytesMax);
      const caller = await access.authorise({ request, route, params, readBytes: sent.readBytes });
      const { value, raw } = takesBody(route) ? await parseBody(sent, formOf) : emptyBody;
      const body = check(route.body, value);
      const query = check(route.query, readQuery(request, queryOf));
      return route.handle({ params, query, body, raw, request, caller, readBytes: sent.readBytes });
    },
  };
}

async function parseBody({ format, readBytes }: Body, formOf: () => FormReader): Promise<ParsedBody> {
  const bytes = await readBytes();
  if (bytes.length === 0) return emptyBody;
  return format === 'form' ? parseForm(bytes, formOf()) : parseJson(bytes);
}

function readQuery({ url }: Request, queryOf: () => FormReader): Record<string, unknown> {
  const start = url.indexOf('?');
  return start < 0 ? {} : parsePairs(new URLSearchParams(url.slice(start)), queryOf());
}
