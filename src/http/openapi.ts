import * as z from 'zod';
import { problemResponses, problemSchema } from './openapi-problems.ts';
import { proofSchemes, proofsFor } from './proofs.ts';
import { type Answer, type Route, takesBody } from './route.ts';

type Json = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of the routes, in their order: what is mounted is what is documented. Its server is relative,
 * so that it is right under any base path.
 */
export function openApiDocument(routes: readonly Route[], { version }: { version: string }): Json {
  const schemas: Json = { Problem: problemSchema };
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Mobula',
      version,
      description: 'A durable task queue for Ray with no resident process.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '.' }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([one], [other]) => (one < other ? -1 : 1))),
      responses: problemResponses,
      securitySchemes: proofSchemes,
    },
  };
}

function operationOf(route: Route, schemas: Json): Json {
  const { operationId, summary, description, scope } = route;
  const parameters = [...pathParameters(route), ...queryParameters(route, schemas), ...headerParameters(route)];
  return {
    operationId,
    summary,
    ...(description ? { description } : {}),
    security: proofsFor[scope].filter((proof) => proof in proofSchemes).map((proof) => ({ [proof]: [] })),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...requestBodyOf(route, schemas),
    responses: responsesOf(route, schemas),
  };
}

const pathParameters = ({ path }: Route): Json[] =>
  Array.from(path.matchAll(/:(\w+)/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));

function queryParameters({ query }: Route, schemas: Json): Json[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input', schemas);
  return Object.entries(properties as Record<string, Json>).map(([name, schema]) => ({
    name,
    in: 'query',
    ...((required as string[]).includes(name) ? { required: true } : {}),
    schema,
  }));
}

const headerParameters = ({ headers = {} }: Route): Json[] =>
  Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  }));

function requestBodyOf(route: Route, schemas: Json): Json {
  if (route.rawBody) return { requestBody: { content: { '*/*': {} } } };
  if (!takesBody(route) || Object.keys(route.body.shape).length === 0) return {};
  const schema = schemaOf(route.body, 'input', schemas);
  const form = route.acceptsForm ? { 'application/x-www-form-urlencoded': { schema: withoutNull(schema) } } : {};
  const isRequired = Array.isArray(schema['required']);
  return { requestBody: { required: isRequired, content: { 'application/json': { schema }, ...form } } };
}

/** A form says null by leaving the field out. */
function withoutNull(schema: Json): Json {
  const properties = Object.entries(schema['properties'] as Record<string, Json>).map(([name, property]) => {
    const { anyOf, default: usual, ...rest } = property as { anyOf?: Json[]; default?: unknown };
    const choices = anyOf?.filter(({ type }) => type !== 'null') ?? [];
    const kept = usual === undefined || usual === null ? {} : { default: usual };
    return [name, anyOf ? { ...rest, ...kept, ...(choices.length === 1 ? choices[0] : { anyOf: choices }) } : property];
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

/** The handler's own answers, then what the door may say before it and the error table behind it. */
function responsesOf(route: Route, schemas: Json): Json {
  const own = Object.entries(route.answers).map(([status, answer]) => [status, responseOf(answer, schemas)]);
  const doors = [
    ...(route.scope === 'public' ? [] : ['401', '403']),
    ...(route.path.includes(':') ? ['404'] : []),
    '405',
    ...(takesBody(route) ? ['400', '413', '415'] : []),
    ...['422', '500', '503'],
  ].map((status) => [status, { $ref: `#/components/responses/${status}` }]);
  return Object.fromEntries([...doors, ...own]); // an object sorts such keys by itself
}

function responseOf({ description, schema }: Answer, schemas: Json): Json {
  if (!schema) return { description };
  return { description, content: { 'application/json': { schema: schemaOf(schema, 'output', schemas) } } };
}

/** The JSON Schema of a zod schema; what has an id goes among the components, once, and is referred to. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  const nameless = Object.keys(made.$defs ?? {}).find((name) => name.startsWith('__schema'));
  if (nameless) throw new RangeError('A schema that refers to itself needs an id: its name would differ by route.');
  const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $schema, $defs = {}, ...rest } = JSON.parse(text);
  Object.assign(schemas, $defs);
  return rest;
}
