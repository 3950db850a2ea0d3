import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { answer } from '../../src/http/json-answer.ts';
import { openApiDocument } from '../../src/http/openapi.ts';
import { route } from '../../src/http/route.ts';

const task = z.object({ id: z.string(), result: z.unknown().optional() }).meta({ id: 'Task' });
const handle = () => answer(200, {});

const routes = [
  route({
    method: 'POST',
    path: '/run',
    operationId: 'run',
    scope: 'trigger',
    summary: 'Does what is due.',
    acceptsForm: true,
    headers: { Prefer: 'How long to wait: `wait=10`.' },
    body: z.object({ max_tasks: z.int().min(0).default(0) }),
    answers: { 200: { description: 'What was done.', schema: z.object({ tasks: z.array(task) }) } },
    handle,
  }),
  route({
    method: 'GET',
    path: '/status/:id',
    operationId: 'status',
    scope: 'status',
    summary: 'Where it stands.',
    query: z.object({ wait: z.number().min(0).max(60).optional() }),
    answers: { 200: { description: 'The task.', schema: z.object({ task }) }, 304: { description: 'Nothing new.' } },
    handle,
  }),
  route({
    method: 'GET',
    path: '/livez',
    operationId: 'livez',
    scope: 'public',
    summary: 'Whether it lives.',
    answers: { 200: { description: 'It does.' } },
    handle,
  }),
];

// biome-ignore lint/suspicious/noExplicitAny: a document is read by its path.
const document: any = JSON.parse(JSON.stringify(openApiDocument(routes, { version: '1.2.3' })));
const run = document.paths['/run'].post;
const status = document.paths['/status/{id}'].get;

describe('the OpenAPI document', () => {
  test('describes the routes that are mounted', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' }, servers: [{ url: '.' }] });
    expect(Object.keys(document.paths)).toEqual(['/run', '/status/{id}', '/livez']);
    expect(run.requestBody.content['application/json'].schema.properties.max_tasks).toMatchObject({
      type: 'integer',
      default: 0,
    });
    expect(Object.keys(run.requestBody.content)).toContain('application/x-www-form-urlencoded');
    expect(run.parameters).toMatchObject([{ name: 'Prefer', in: 'header' }]);
    expect(status.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
      { name: 'wait', in: 'query', schema: { type: 'number', maximum: 60 } },
    ]);
  });

  test('names a schema once and refers to it', () => {
    const schema = run.responses[200].content['application/json'].schema;
    expect(schema.properties.tasks.items).toEqual({ $ref: '#/components/schemas/Task' });
    expect(status.responses[200].content['application/json'].schema.properties.task).toEqual({
      $ref: '#/components/schemas/Task',
    });
    expect(document.components.schemas.Task.properties).toHaveProperty('id');
  });

  test('says which proof opens what', () => {
    expect(run.security).toEqual([{ trigger: [] }, { oidc: [] }, { cron_secret: [] }, { qstash: [] }, { admin: [] }]);
    expect(status.security).toEqual([{ read: [] }, { status_token: [] }, { admin: [] }]);
    expect(document.paths['/livez'].get.security).toEqual([]);
  });

  test('has every status that the way in may answer', () => {
    expect(Object.keys(run.responses)).toEqual(['200', '400', '401', '403', '405', '413', '415', '422', '500', '503']);
    expect(Object.keys(status.responses)).toEqual(['200', '304', '401', '403', '404', '405', '422', '500', '503']);
  });

  test('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(references.length).toBeGreaterThan(10);
    for (const path of references) {
      const found = path.split('/').reduce((node, key) => node?.[key], document);
      expect(found, path).toBeDefined();
    }
  });

  test('is the same each time it is made', () => {
    expect(JSON.stringify(openApiDocument(routes, { version: '1.2.3' }))).toBe(JSON.stringify(document));
  });

  test('refuses a schema that would be named by chance', () => {
    const nameless = route({ ...routes[0]!, path: '/x', body: z.object({ value: z.json() }) });
    expect(() => openApiDocument([nameless], { version: '1' })).toThrow('needs an id');
  });
});
