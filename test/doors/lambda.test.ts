import { lambda } from 'mobula/lambda';
import { beforeEach, describe, expect, test } from 'vitest';
import { deployment } from '../support/doors/deployment.ts';
import { settings } from '../support/doors/door.ts';
import { lambdaShapes, withMinutes } from '../support/doors/lambda.ts';
import { useFresh } from '../support/fresh.ts';

const fresh = useFresh([]);
let handler: ReturnType<typeof lambda>;
beforeEach(() => {
  handler = lambda(deployment, { env: { ...settings, DATABASE_URL: fresh.url() } });
});

interface HttpAnswer {
  readonly statusCode: number;
  readonly body: string;
}

const functionUrl = lambdaShapes['function URL'];
const overHttp = (...call: Parameters<typeof functionUrl>) =>
  handler(functionUrl(...call), withMinutes(1)) as Promise<HttpAnswer>;
const direct = (event: unknown, minutes = 1) => handler(event, withMinutes(minutes));

async function enqueue(task: string, input: object): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${settings.MOBULA_ENQUEUE_TOKENS}` };
  const answer = await overHttp({ method: 'POST', path: '/tasks', headers, body: JSON.stringify({ task, input }) });
  expect(answer.statusCode, answer.body).toBe(201);
  return JSON.parse(answer.body).task.id;
}

describe('a direct call', () => {
  test('runs what is due, and answers what was done', async () => {
    const id = await enqueue('shout', { word: 'a' });
    expect(await direct({ route: '/run', body: { max_tasks: 1 } })).toMatchObject({
      processed: 1,
      tasks: [{ id, state: 'SUCCEEDED' }],
    });
    expect(await direct({ route: '/run-one' })).toMatchObject({ processed: false });
  });

  test('runs one execution, and purges by the defaults alone', async () => {
    const id = await enqueue('shout', { word: 'a' });
    expect(await direct({ route: `/execute/${id}` })).toMatchObject({ task: { id, state: 'SUCCEEDED' } });
    await fresh.sql(`update mobula.executions set finished_at = now() - interval '8 days'`);
    await expect(direct({ route: '/purge', body: { days: 0 } })).rejects.toThrow('403');
    expect(await direct({ route: '/purge' })).toMatchObject({ deleted: 1 });
  });

  test('that is refused or goes wrong is seen to have failed, so that its sender can send it again', async () => {
    await expect(direct({ route: '/run', body: { max_tasks: -1 } })).rejects.toThrow('/run answered 422');
    handler = lambda(deployment, { env: { ...settings, DATABASE_URL: 'postgres://nobody:x@127.0.0.1:9/none' } });
    await expect(direct({ route: '/run' })).rejects.toThrow('503');
  });

  test.each([
    ['nothing', undefined],
    ['no object', 'run'],
    ['another route', { route: '/tasks' }],
    ['a route with more behind it', { route: '/run/../tasks' }],
    ['an unknown member', { route: '/run', headers: {} }],
    ['a queue’s delivery', { Records: [{ body: '{"route":"/run"}' }] }],
  ])('is none where the event is %s', async (_, event) => {
    await expect(direct(event)).rejects.toThrow('neither HTTP nor a call');
  });
});

describe('a call by HTTP', () => {
  test.each(Object.entries(lambdaShapes))('cannot pass for a direct one: %s', async (_, shape) => {
    const posing = {
      ...shape({ method: 'POST', path: '/run', body: '{"route":"/run"}' }),
      route: '/run',
      body: undefined,
    };
    const answer = await handler(posing, withMinutes(1));
    expect(answer).toMatchObject({ statusCode: 401 });
  });

  test('under a stage finds its routes below the base path', async () => {
    handler = lambda(deployment, { basePath: '/prod', env: { ...settings, DATABASE_URL: fresh.url() } });
    expect(await overHttp({ method: 'GET', path: '/prod/livez' })).toMatchObject({ statusCode: 200 });
    expect(await overHttp({ method: 'GET', path: '/livez' })).toMatchObject({ statusCode: 404 });
    expect(await direct({ route: '/run' })).toMatchObject({ processed: 0 });
  });
});

test('a call ends before Lambda would end it, and leaves nothing behind that runs', async () => {
  for (let at = 0; at < 12; at += 1) await enqueue('nap', { ms: 60_000 });
  const seconds = 4;
  const startedMs = performance.now();
  expect(await direct({ route: '/run' }, seconds / 60)).toMatchObject({ retried: 10 });
  expect(performance.now() - startedMs).toBeLessThan(seconds * 1_000);
  const left = await fresh.sql(`select distinct state::text, attempt from mobula.executions order by attempt`);
  expect(left).toEqual([
    { state: 'QUEUED', attempt: 0 },
    { state: 'QUEUED', attempt: 1 },
  ]);
});

test('nothing is read before the first call: wrong settings are that call’s answer', async () => {
  handler = lambda(deployment, { env: { MOBULA_SECRET: 'short' } });
  const answer = await overHttp({ method: 'GET', path: '/livez' });
  expect({ status: answer.statusCode, code: JSON.parse(answer.body).code }).toEqual({
    status: 500,
    code: 'misconfigured',
  });
});
