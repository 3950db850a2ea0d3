import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { answer, jsonAnswer } from '../../src/http/json-answer.ts';
import { route } from '../../src/http/route.ts';
import { appOf, authorization, bearer, post, type Sent } from './support.ts';

const words = { summary: 'For a test.', answers: { 200: { description: 'It worked.' } } };

const task = z.strictObject({
  task: z.string().min(1),
  input: z.unknown(),
  priority: z.int().min(-100).max(100).default(0),
});

const echo = route({
  ...words,
  method: 'POST',
  path: '/echo/:id',
  operationId: 'echo',
  scope: 'public',
  query: z.object({ wait: z.number().min(0).max(60).optional() }),
  body: z.object({
    queue_name: z.union([z.string(), z.array(z.string())]).optional(),
    max_tasks: z.int().min(0).default(0),
    dry_run: z.boolean().default(false),
    value: z.unknown().optional(),
    tasks: z.array(task).optional(),
  }),
  acceptsForm: true,
  handle: ({ params, query, body, raw }) =>
    jsonAnswer(200, [
      ['id', JSON.stringify(params.id)],
      ['wait', JSON.stringify(query.wait ?? null)],
      ['max_tasks', String(body.max_tasks)],
      ['queue_name', JSON.stringify(body.queue_name ?? null)],
      ['dry_run', String(body.dry_run)],
      ['value', raw.get('value') ?? 'null'],
    ]),
});

const guarded = route({
  ...words,
  method: 'POST',
  path: '/guarded',
  operationId: 'guarded',
  scope: 'admin',
  handle: () => answer(200, {}),
});

const upload = route({
  ...words,
  method: 'PUT',
  path: '/upload',
  operationId: 'upload',
  scope: 'public',
  rawBody: true,
  bodyBytesMax: 'unbounded',
  handle: async ({ readBytes, request }) =>
    answer(200, { bytes: (await readBytes()).length, type: request.headers.get('content-type') }),
});

const strict = route({
  ...words,
  method: 'POST',
  path: '/strict',
  operationId: 'strict',
  scope: 'public',
  body: z.object({ how: z.string() }),
  handle: () => answer(200, {}),
});

const { app } = appOf([echo, guarded, upload, strict]);

const send = async (body: Sent, headers?: Record<string, string>, path = '/echo/7') => {
  const response = await app.request(path, post(body, headers));
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
};

describe('a body', () => {
  test('is spliced, not re-written', async () => {
    const { status, text } = await send('{ "value": {"z": 9007199254740993, "a": [1.0, "\\u00e9"]}, "max_tasks": 3 }');
    expect(status).toBe(200);
    expect(text).toContain('"max_tasks":3');
    expect(text).toContain('"value":{"z":9007199254740993,"a":[1.0,"é"]}');
  });

  test('that is empty is {}, under any content type or none', async () => {
    for (const type of [
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/octet-stream',
    ]) {
      expect(await send('', { 'content-type': type })).toMatchObject({
        status: 200,
        json: { max_tasks: 0, value: null },
      });
      const chunked = new ReadableStream({ start: (controller) => controller.close() });
      expect(await send(chunked, { 'content-type': type })).toMatchObject({ status: 200 });
    }
    expect((await app.request('/echo/7', { method: 'POST' })).status).toBe(200);
    expect((await app.request('/echo/7', { method: 'POST', headers: { 'content-length': '0' } })).status).toBe(200);
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.some+json'])(
    'is JSON as %s',
    async (type) => {
      expect(await send('{"max_tasks":2}', { 'content-type': type })).toMatchObject({
        status: 200,
        json: { max_tasks: 2 },
      });
    },
  );

  test.each(['text/plain', 'text/json', 'application/jsonp', 'multipart/form-data', 'application/xml', ''])(
    'of type "%s" is not taken',
    async (type) => {
      expect(await send('{"max_tasks":2}', { 'content-type': type })).toMatchObject({
        status: 415,
        json: { code: 'unsupported_media_type' },
      });
    },
  );

  test('is a form only where forms are taken, and never compressed', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await send('how=busy', form, '/strict')).status).toBe(415);
    expect((await send('max_tasks=1', { ...form, 'content-encoding': 'gzip' })).status).toBe(415);
  });

  test('may be as large as said, and no larger, declared or chunked', async () => {
    const fits = `{"value":"${'x'.repeat(988)}"}`;
    expect(fits).toHaveLength(1_000);
    expect((await send(fits)).status).toBe(200);
    expect((await send(fits, { 'content-length': '1000' })).status).toBe(200);
    expect(await send(`${fits} `)).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
    expect((await send(`${fits} `, { 'content-length': '1001' })).status).toBe(413);
    expect((await send(`${fits} `, { 'content-length': '1' })).status).toBe(413);
  });

  test('that is too large is not read on', async () => {
    let pulled = 0;
    let cancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(400).fill(32));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    expect((await send(endless)).status).toBe(413);
    expect(cancelled).toBe(true);
    expect(pulled).toBeLessThan(6);
  });

  test('that breaks off is the sender’s fault', async () => {
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('ECONNRESET')) });
    expect(await send(broken)).toMatchObject({ status: 400, json: { code: 'malformed_body' } });
  });

  test.each([
    ['{"max_tasks":1', 'JSON'],
    ["{'max_tasks':1}", 'JSON'],
    ['[]', 'object'],
    ['null', 'object'],
    ['"text"', 'object'],
    [' ', 'JSON'],
    [new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'UTF-8'],
  ])('that cannot be read is malformed: %s', async (body, why) => {
    const { status, json } = await send(body);
    expect([status, json.code]).toEqual([400, 'malformed_body']);
    expect(json.detail).toContain(why);
  });

  test.each([
    ['{"max_tasks":-1}', 'invalid_request', 'max_tasks'],
    ['{"max_tasks":1.5}', 'invalid_request', 'max_tasks'],
    ['{"max_tasks":"5"}', 'invalid_request', 'max_tasks'],
    ['{"max_tasks":9007199254740993}', 'invalid_request', 'max_tasks'],
    ['{"max_tasks":1e999}', 'invalid_request', 'max_tasks'],
    ['{"dry_run":"yes"}', 'invalid_request', 'dry_run'],
    ['{"queue_name":["a",5]}', 'invalid_request', 'queue_name.1'],
    ['{"queue_name":5}', 'invalid_request', 'queue_name'],
    ['{"max_task":5}', 'unknown_field', 'max_task'],
    ['{"__proto__":{"p":1}}', 'unknown_field', '__proto__'],
    ['{"constructor":{"prototype":1}}', 'unknown_field', 'constructor'],
    ['{"max_tasks":1,"max_tasks":2}', 'invalid_request', 'max_tasks'],
    ['{"value":["a\\u0000"]}', 'invalid_request', 'value.0'],
    ['{"value":"\\udc00"}', 'invalid_request', 'value'],
    [`{"value":${'['.repeat(64)}${']'.repeat(64)}}`, 'invalid_request', `value${'.0'.repeat(63)}`],
    ['{"tasks":[{"task":"a","input":1},{"task":"a","input":1,"priority":101}]}', 'invalid_request', 'tasks.1.priority'],
    ['{"tasks":[{"input":1}]}', 'invalid_request', 'tasks.0.task'],
    ['{"tasks":[{"taks":"a","input":1}]}', 'unknown_field', 'tasks.0.taks'],
  ])('that is wrong names the field to mend: %s', async (body, code, field) => {
    const { status, json } = await send(body);
    expect([status, json]).toMatchObject([422, { code, field, status: 422 }]);
  });

  test('that is wrong is told so in a sentence, which quotes no value', async () => {
    const detailOf = async (body: string) => (await send(body)).json.detail;
    expect(await detailOf('{"max_tasks":"hunter2"}')).toBe(
      '"max_tasks" is not valid: expected number, received string.',
    );
    expect(await detailOf('{"queue_name":5}')).toBe('"queue_name" is not valid: expected string or array.');
    expect(await detailOf('{"tasks":[{"input":1}]}')).toBe('"tasks.0.task" is not valid: it is required.');
    expect(await detailOf('{"max_task":5}')).toBe('There is no field "max_task" here.');
    expect(await detailOf(`{"${'k'.repeat(900)}":5}`)).toHaveLength(126);
    expect((await send(`{"${'k'.repeat(900)}":5}`)).json.field).toHaveLength(200);
  });

  test('of a raw route is left to its handler, whatever it is', async () => {
    const response = await app.request('/upload', {
      method: 'PUT',
      body: new Uint8Array(5_000),
      headers: { 'content-type': 'image/png' },
    });
    expect(await response.json()).toEqual({ bytes: 5_000, type: 'image/png' });
  });

  test('of a route that expects none may be {} and nothing else', async () => {
    const admin = authorization(bearer.admin);
    expect((await app.request('/guarded', post('{}', admin))).status).toBe(200);
    expect((await app.request('/guarded', post('{"force":true}', admin))).status).toBe(422);
  });
});

describe('a form', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  test('says the same as JSON: decimals, true and false, and a list by repetition', async () => {
    const { json } = await send('queue_name=123&max_tasks=5&dry_run=true', form);
    expect(json).toMatchObject({ queue_name: '123', max_tasks: 5, dry_run: true });
    expect((await send('queue_name=a&queue_name=b', form)).json.queue_name).toEqual(['a', 'b']);
  });

  test.each([
    ['max_tasks=many', 'max_tasks'],
    ['max_tasks=', 'max_tasks'],
    ['max_tasks=1&max_tasks=2', 'max_tasks'],
    ['max_tasks=-1', 'max_tasks'],
    ['max_tasks=1e3', 'max_tasks'],
    ['dry_run=yes', 'dry_run'],
    ['nonsense=1', 'nonsense'],
    ['__proto__=1', '__proto__'],
    ['queue_name=a%00b', 'queue_name'],
  ])('with %s is refused by the name of its field', async (body, field) => {
    expect(await send(body, form)).toMatchObject({ status: 422, json: { field } });
  });
});

describe('a query', () => {
  const ask = async (query: string) => {
    const { status, json } = await send('', {}, `/echo/7?${query}`);
    return { status, json };
  };

  test('is read as its schema expects', async () => {
    expect(await ask('wait=2.5')).toMatchObject({ status: 200, json: { wait: 2.5 } });
    expect(await ask('')).toMatchObject({ status: 200, json: { wait: null } });
  });

  test.each(['wait=61', 'wait=-1', 'wait=1&wait=2', 'wait=soon', 'wait=', 'wait=%00'])(
    'of %s is refused',
    async (query) => {
      expect(await ask(query)).toMatchObject({ status: 422, json: { field: 'wait', code: 'invalid_request' } });
    },
  );

  test('knows no other names', async () => {
    expect(await ask('waits=1')).toMatchObject({ status: 422, json: { field: 'waits', code: 'unknown_field' } });
  });
});
