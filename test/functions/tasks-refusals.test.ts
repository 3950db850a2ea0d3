import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const strict = task({
  name: 'strict',
  input: z.strictObject({ a: z.number(), list: z.array(z.string()).optional() }),
  run: () => null,
});

const fresh = useFresh([...tasks, strict]);
const app = () => fresh.make({ env: { MOBULA_MAX_INPUT_BYTES: '20000' } });
const json = { token: 'enqueue', headers: { 'content-type': 'application/json' } };

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const wish = (members: string) => `{"task":"note","input":{"value":1}${members && `,${members}`}}`;

/** The text of a wish that is understood and wrong, the code, and the field to blame. */
const wrong: readonly (readonly [string, string, string, string])[] = [
  ['an unknown field', wish('"prioritee":1'), 'unknown_field', 'prioritee'],
  ['a field of our own making', wish('"attempt":1'), 'unknown_field', 'attempt'],
  ['an entrypoint', wish('"entrypoint":"rm -rf /"'), 'unknown_field', 'entrypoint'],
  ['no task', '{"input":{}}', 'invalid_request', 'task'],
  ['a task that is a number', '{"task":1,"input":{}}', 'invalid_request', 'task'],
  ['an unknown task', '{"task":"nope","input":{}}', 'unknown_task', 'task'],
  ['the name of what every object has', '{"task":"constructor","input":{}}', 'unknown_task', 'task'],
  ['no input', '{"task":"note"}', 'invalid_request', 'input'],
  ['a priority of 101', wish('"priority":101'), 'invalid_request', 'priority'],
  ['a priority of -101', wish('"priority":-101'), 'invalid_request', 'priority'],
  ['a priority of 3.1', wish('"priority":3.1'), 'invalid_request', 'priority'],
  ['a priority that is a text', wish('"priority":"1"'), 'invalid_request', 'priority'],
  ['a priority beyond all doubles', wish('"priority":1e999'), 'invalid_request', 'priority'],
  ['a priority beyond exact doubles', wish('"priority":9007199254740993'), 'invalid_request', 'priority'],
  ['a queue that is not allowed', wish('"queue_name":"other"'), 'unknown_queue', 'queue_name'],
  ['an empty queue name', wish('"queue_name":""'), 'invalid_request', 'queue_name'],
  ['a list of queues', wish('"queue_name":["default"]'), 'invalid_request', 'queue_name'],
  ['a run_after without a zone', wish('"run_after":"2030-01-01T00:00:00"'), 'invalid_request', 'run_after'],
  ['a run_after that is a day', wish('"run_after":"2030-01-01"'), 'invalid_request', 'run_after'],
  ['a 30th of February', wish('"run_after":"2030-02-30T00:00:00Z"'), 'invalid_request', 'run_after'],
  ['a run_after that is a number', wish('"run_after":1893456000'), 'invalid_request', 'run_after'],
  ['a negative delay', wish('"delay_seconds":-1'), 'invalid_request', 'delay_seconds'],
  ['a delay of a millennium', wish('"delay_seconds":31622400000'), 'invalid_request', 'delay_seconds'],
  [
    'a delay and an instant',
    wish('"delay_seconds":1,"run_after":"2030-01-01T00:00:00Z"'),
    'invalid_request',
    'delay_seconds',
  ],
  ['no time to run', wish('"timeout_seconds":0'), 'invalid_request', 'timeout_seconds'],
  ['negative time to run', wish('"timeout_seconds":-5'), 'invalid_request', 'timeout_seconds'],
  ['no time to wait', wish('"queue_timeout_seconds":0'), 'invalid_request', 'queue_timeout_seconds'],
  ['no attempt', wish('"max_attempts":0'), 'invalid_request', 'max_attempts'],
  ['too many attempts', wish('"max_attempts":101'), 'invalid_request', 'max_attempts'],
  ['half an attempt', wish('"max_attempts":1.5'), 'invalid_request', 'max_attempts'],
  ['an empty unique_key', wish('"unique_key":""'), 'invalid_request', 'unique_key'],
  ['a long unique_key', wish(`"unique_key":"${'k'.repeat(256)}"`), 'invalid_request', 'unique_key'],
  ['metadata that is a list', wish('"metadata":[1]'), 'invalid_request', 'metadata'],
  ['metadata that is a text', wish('"metadata":"m"'), 'invalid_request', 'metadata'],
  ['much metadata', wish(`"metadata":{"m":"${'m'.repeat(16_384)}"}`), 'invalid_request', 'metadata'],
  ['input that the task does not take', '{"task":"strict","input":{"a":"1"}}', 'invalid_request', 'input.a'],
  [
    'an item that the task does not take',
    '{"task":"strict","input":{"a":1,"list":["x",2]}}',
    'invalid_request',
    'input.list.1',
  ],
  ['input that is a list', '{"task":"strict","input":[]}', 'invalid_request', 'input'],
  ['an escaped NUL', '{"task":"note","input":{"value":"a\\u0000"}}', 'invalid_request', 'input.value'],
  ['a NUL in a key', wish('"metadata":{"\\u0000":1}'), 'invalid_request', 'metadata.'],
  ['half of a surrogate pair', '{"task":"note","input":{"value":["\\ud83d"]}}', 'invalid_request', 'input.value.0'],
  ['the other half', '{"task":"note","input":{"value":"\\ude00"}}', 'invalid_request', 'input.value'],
  ['a number that overflows', '{"task":"note","input":{"value":{"n":-1e999}}}', 'invalid_request', 'input.value.n'],
  ['a key twice', wish('"task":"note"'), 'invalid_request', 'task'],
];

/** Sends a text, and shows that it changed nothing. */
async function refuse(path: string, text: string) {
  const { call } = app();
  const before = await fresh.fingerprint();
  const answer = await call('POST', path, text, json);
  expect(await fresh.fingerprint()).toBe(before);
  return answer;
}

describe('POST /tasks refuses, by its field and without a trace', () => {
  test.each(wrong)('%s', async (_, text, code, field) => {
    const answer = await refuse('/tasks', text);
    expectProblem(answer, 422, code, field.replace(/\.$/, ''));
  });

  test('what is nested deeper than 64 levels, and takes what is not', async () => {
    const text = (depth: number) => `{"task":"note","input":{"value":${nested(depth)}}}`;
    const { call } = app();
    expect((await call('POST', '/tasks', text(62), json)).status).toBe(201);
    const answer = await call('POST', '/tasks', text(63), json);
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request']);
    expect(answer.body.field).toMatch(/^input\.value(\.0)*$/);
  });
});

describe('POST /tasks/batch refuses all for one', () => {
  test.each(wrong)('%s', async (_, text, code, field) => {
    const answer = await refuse('/tasks/batch', `{"tasks":[${wish('')},${text}]}`);
    expectProblem(answer, 422, code, `tasks.1.${field}`.replace(/\.$/, ''));
  });

  test.each([
    ['none', '{"tasks":[]}'],
    ['more than a thousand', `{"tasks":[${Array(1_001).fill('{}').join()}]}`],
    ['no list', '{"tasks":{}}'],
    ['nothing', '{}'],
  ])('%s', async (_, text) => {
    expectProblem(await refuse('/tasks/batch', text), 422, 'invalid_request', 'tasks');
  });

  test('what is no wish', async () => {
    expectProblem(await refuse('/tasks/batch', '{"tasks":[null]}'), 422, 'invalid_request', 'tasks.0');
  });
});

describe.each(['/tasks', '/tasks/batch'])('%s refuses as a body', (path) => {
  test.each([
    '{"task":"note"',
    '',
    'null',
    '[]',
    '"note"',
    '{"a":01}',
    "{'task':1}",
    '{"a":NaN}',
    '\u0000',
    '{"a":1}{"b":2}',
  ])('%j', async (text) => {
    const answer = await refuse(path, text);
    const status = text === '' ? 422 : 400;
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
  });

  test('one that is larger than allowed', async () => {
    expectProblem(await refuse(path, wish(`"metadata":{"m":"${'m'.repeat(20_000)}"}`)), 413, 'body_too_large');
  });

  test('bytes that are no UTF-8', async () => {
    const { app: hono } = app();
    const bytes = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const headers = {
      'content-type': 'application/json',
      authorization: 'Bearer admin-token-of-the-tests-0123456789-ab',
    };
    const { status } = await hono.request(path, { method: 'POST', body: bytes, headers });
    expect(status).toBe(400);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    '%s',
    async (type) => {
      const answer = await app().call('POST', path, wish(''), { headers: { 'content-type': type } });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );
});

test.each([
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+14:00',
  '1969-12-31T23:59:59.999999999Z',
  '9999-12-31T23:59:59.999Z',
  '9999-12-31T23:59:59-14:00',
  '2030-06-30T23:59:60Z',
])('the instant %s is taken or refused, and never our failure', async (run_after) => {
  const { status, body } = await app().call('POST', '/tasks', { task: 'note', input: { value: 1 }, run_after });
  expect([201, 422]).toContain(status);
  if (status === 422) expect(body.field).toBe('run_after');
});
