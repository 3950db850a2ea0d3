import * as z from 'zod';
import type { Caller, Scope } from './caller.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** The names behind the colons of a path, each a string. */
export type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? { readonly [Key in Name | keyof ParamsOf<Rest>]: string }
  : Path extends `${string}:${infer Name}`
    ? { readonly [Key in Name]: string }
    : Readonly<Record<never, string>>;

/** A request as its handler sees it: admitted, bounded, parsed and checked. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  /** Integers that a double cannot hold arrive as bigints; what goes on to a task is taken from `raw`. */
  readonly body: Body;
  /** The compact text of each top-level member of the body that was sent, as its producer wrote it. */
  readonly raw: ReadonlyMap<string, string>;
  readonly request: Request;
  readonly caller: Caller;
  /** The bytes of the body, bounded; read once, however often it is asked for. */
  readBytes(): Promise<Uint8Array>;
}

export interface Answer {
  readonly description: string;
  /** Of the JSON body. Named in the document where it has an id (`.meta({ id: 'Task' })`). */
  readonly schema?: z.ZodType;
}

interface RouteWords {
  readonly method: Method;
  readonly operationId: string;
  readonly scope: Scope;
  readonly summary: string;
  readonly description?: string;
  /** Whether the body may also be `application/x-www-form-urlencoded`. */
  readonly acceptsForm?: boolean;
  /** `MOBULA_MAX_INPUT_BYTES` unless said. */
  readonly bodyBytesMax?: number | 'unbounded';
  /** The handler reads the body itself: by `readBytes()`, or as a stream from `request.body`. */
  readonly rawBody?: boolean;
  /** Request headers that mean something here, each with a sentence for the document. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the handler answers by status; what every route may answer is added to the document. */
  readonly answers: Readonly<Record<number, Answer>>;
}

export interface RouteOptions<Path extends string, Query extends z.ZodObject, Body extends z.ZodObject>
  extends RouteWords {
  /** Below the base path: `/execute/:id`. */
  readonly path: Path;
  /** Unknown names are refused whether the schema is strict or not; so in `body`, at its top level. */
  readonly query?: Query;
  readonly body?: Body;
  handle(call: Call<ParamsOf<Path>, z.output<Query>, z.output<Body>>): Promise<Response> | Response;
}

/** One operation of the API, as a value: what is mounted is what is documented. */
export interface Route extends RouteWords {
  readonly path: string;
  readonly query: z.ZodObject;
  readonly body: z.ZodObject;
  handle(call: Call<Readonly<Record<string, string>>, unknown, unknown>): Promise<Response> | Response;
}

/** The schema of a query or body in which nothing may be said. */
export type Nothing = z.ZodObject<Record<never, never>>;

/**
 * Makes a route of its description. The handler answers with a Response of its own making, whose headers can still be
 * added to, and throws `MobulaError` where the caller cannot go on.
 */
export function route<
  const Path extends string,
  Query extends z.ZodObject = Nothing,
  Body extends z.ZodObject = Nothing,
>(options: RouteOptions<Path, Query, Body>): Route {
  const { query = z.object({}), body = z.object({}) } = options;
  return { ...options, query: query.strict(), body: body.strict() } as Route;
}

/** Whether a request of this route may carry a body that we parse. */
export const takesBody = ({ method, rawBody }: Route): boolean => method !== 'GET' && !rawBody;
