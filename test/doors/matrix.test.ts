import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { type OpenDoor, settings } from '../support/doors/door.ts';
import { openGoogle } from '../support/doors/google.ts';
import { lambdaShapes, openLambda } from '../support/doors/lambda.ts';
import { openLoneWorker } from '../support/doors/lone-worker.ts';
import { openNode } from '../support/doors/node.ts';
import { openVercel } from '../support/doors/vercel.ts';
import { openWorkers, type Workers } from '../support/doors/workers.ts';
import { type NeonStandIn, startNeon } from '../support/neon.ts';
import { type NeonRelay, startNeonRelay } from '../support/neon-ws.ts';

// The same stories through every door there is, each called as its platform calls.

const database = useDatabase();
let neon: NeonStandIn;
let relay: NeonRelay;
let workers: Workers;

beforeAll(async () => {
  [neon, relay] = await Promise.all([startNeon(), startNeonRelay()]);
  const url = database.url();
  workers = await openWorkers([
    { name: 'tcp', vars: { DATABASE_URL: url } },
    { name: 'hyperdrive', vars: {}, hyperdrive: url },
    { name: 'neon-http', vars: { ...over('neon-http', url), MOBULA_NEON_FETCH_ENDPOINT: neon.endpoint } },
  ]);
});
afterAll(() => Promise.all([workers?.close(), neon?.close(), relay?.close()]));

const over = (driver: string, url: string) => ({ DATABASE_URL: url, MOBULA_DATABASE_DRIVER: driver });

const doors: Readonly<Record<string, () => OpenDoor | Promise<OpenDoor>>> = {
  Node: () => openNode(database.url()),
  'Workers over TCP': () => workers.door('tcp'),
  'Workers over Hyperdrive': () => workers.door('hyperdrive'),
  'Workers over Neon’s HTTP': () => workers.door('neon-http'),
  'Workers over Neon’s WebSockets': () =>
    openLoneWorker({ ...over('neon-ws', database.url()), MOBULA_NEON_WS_PROXY: relay.url }),
  'Lambda by function URL': () => openLambda(database.url(), lambdaShapes['function URL']),
  'Lambda by REST API': () => openLambda(database.url(), lambdaShapes['REST API']),
  'Lambda by load balancer': () => openLambda(database.url(), lambdaShapes['load balancer']),
  'Google Cloud Functions': () => openGoogle(database.url()),
  Vercel: () => openVercel(database.url()),
};

const json = { 'content-type': 'application/json' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const enqueuing = { ...json, ...bearer(settings.MOBULA_ENQUEUE_TOKENS) };

describe.each(Object.entries(doors))('%s', (_, open) => {
  let door: OpenDoor;
  beforeAll(async () => {
    door = await open();
  });
  afterAll(() => door?.close());

  const call = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
    door.call({ method, path, headers, ...(body === undefined ? {} : { body }) });

  async function enqueue(word: string) {
    const { status, text } = await call(
      'POST',
      '/tasks',
      enqueuing,
      JSON.stringify({ task: 'shout', input: { word } }),
    );
    expect(status, text).toBe(201);
    return JSON.parse(text);
  }

  test('what is enqueued is run when the platform’s clock strikes, and polled by its token', async () => {
    const { task, status_token } = await enqueue('grüße 😀');
    const token = bearer(status_token);
    const queued = await call('GET', `/status/${task.id}`, token);
    expect(JSON.parse(queued.text).task).toMatchObject({ state: 'QUEUED', status: 'READY' });
    const known = { ...token, 'if-none-match': queued.headers.get('etag') ?? '' };
    expect(await call('GET', `/status/${task.id}`, known)).toMatchObject({ status: 304, text: '' });

    await door.cron();
    const done = await call('GET', `/status/${task.id}?wait=5`, known);
    expect(done.status).toBe(200);
    expect(JSON.parse(done.text).task).toMatchObject({ state: 'SUCCEEDED', result: 'GRÜSSE 😀!' });
    expect((await call('GET', `/executions/${task.id}/result`, token)).text).toBe('"GRÜSSE 😀!"');
  });

  test('it is closed to strangers, and to those who come with a proof for something else', async () => {
    const { task, status_token } = await enqueue('x');
    for (const [method, path] of [
      ['POST', '/run'],
      ['POST', '/run-one'],
      ['POST', `/execute/${task.id}`],
      ['GET', `/status/${task.id}`],
      ['POST', '/purge'],
      ['POST', '/tasks'],
    ] as const) {
      const answer = await call(method, path);
      expect(answer).toMatchObject({ status: 401 });
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(await call('POST', '/run', bearer(settings.MOBULA_READ_TOKENS))).toMatchObject({ status: 403 });
    expect(await call('POST', '/purge', bearer(settings.MOBULA_TRIGGER_TOKENS))).toMatchObject({ status: 403 });
    expect(await call('POST', '/run', bearer(status_token))).toMatchObject({ status: 403 });
  });

  test('forms, lists of values and what is wrong arrive as they were sent', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...bearer(settings.MOBULA_TRIGGER_TOKENS) };
    expect(await call('POST', '/run', form, 'max_tasks=1&queue_name=default&queue_name=default')).toMatchObject({
      status: 200,
    });
    const reading = bearer(settings.MOBULA_READ_TOKENS);
    const listed = await call('GET', '/executions?state=SUCCEEDED&limit=1&task=shout', reading);
    expect(JSON.parse(listed.text).executions).toMatchObject([{ task: 'shout', state: 'SUCCEEDED' }]);
    expect(await call('POST', '/run', form, 'max_tasks=-1')).toMatchObject({ status: 422 });
    expect(await call('POST', '/tasks', enqueuing, '{"task": ')).toMatchObject({ status: 400 });
    const large = JSON.stringify({ task: 'shout', input: { word: 'x'.repeat(1_048_576) } });
    expect(await call('POST', '/tasks', enqueuing, large)).toMatchObject({ status: 413 });
    const wrong = await call('PUT', '/run');
    expect({ status: wrong.status, allow: wrong.headers.get('allow') }).toMatchObject({ status: 405 });
    expect(wrong.headers.get('allow')).toContain('POST');
    expect(await call('GET', '/nowhere')).toMatchObject({ status: 404 });
    expect(await call('GET', '/livez')).toMatchObject({ status: 200 });
  });
});
