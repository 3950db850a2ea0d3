import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openApiText } from '../commands/openapi.ts';
import { useDatabase } from './support/database.ts';
import { makeEngine } from './support/engine.ts';

const database = useDatabase();
const document = JSON.parse(openApiText());

/** What the contract promises and what is served so far. */
const routes = [
  'POST /run',
  'POST /run-one',
  'POST /execute/{id}',
  'GET /status/{id}',
  'POST /purge',
  'POST /tasks',
  'POST /tasks/batch',
  'GET /executions/{id}',
  'GET /executions/{id}/result',
  'POST /attempts/{id}/{attempt}/begin',
  'POST /attempts/{id}/{attempt}/beat',
  'POST /attempts/{id}/{attempt}/complete',
  'POST /attempts/{id}/{attempt}/upload',
  'GET /livez',
  'GET /readyz',
  'GET /health',
  'GET /openapi.json',
  'GET /docs',
  'POST /hooks/{name}',
  'GET /run',
  'GET /purge',
];

const documented = Object.entries<Record<string, { operationId: string; responses: object }>>(document.paths).flatMap(
  ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('the committed document is the one that the routes generate: after a change, `npm run openapi`', async () => {
  expect(await readFile(join(import.meta.dirname, '../openapi.json'), 'utf8')).toBe(openApiText());
});

test('every route of the contract is in the document', () => {
  const names = documented.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  expect(names).toEqual(expect.arrayContaining(routes));
});

const withEveryRoute = { CRON_SECRET: 'c'.repeat(32) };

test('what is served is what is documented', async () => {
  await using app = makeEngine({ url: database.url(), tasks: [], env: withEveryRoute });
  const served = await app.call('GET', '/openapi.json');
  expect(served.body).toEqual(document);
});

test.each(documented.map(({ path, method }) => [method.toUpperCase(), path] as const))(
  '%s %s is a route: a request without proof is not answered with 404',
  async (method, path) => {
    await using app = makeEngine({ url: database.url(), tasks: [], env: withEveryRoute });
    const answer = await app.call(method, path.replaceAll(/\{\w+\}/g, '1'), undefined, { token: null });
    expect([200, 401]).toContain(answer.status);
  },
);

test('every operation has a name of its own', () => {
  const names = documented.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
});

test('every reference leads somewhere in the document', () => {
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
  const lost = [...new Set([...references].map(([, path]) => path ?? ''))].filter(
    (path) => path.split('/').reduce((part, key) => part?.[key], document) === undefined,
  );
  expect(lost).toEqual([]);
});
