import { describe, expect, test } from 'vitest';
import type { Answer, TestEngine } from '../support/engine.ts';
import { expectProblem, look, useFresh } from '../support/fresh.ts';
import { type Driven, useDriver } from './driven.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const driver = useDriver();
const make = () => fresh.make({ ray: driver.ray(), env: { MOBULA_MAX_INPUT_BYTES: '4000000' } });

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);

/** JSON that nobody must store: it would break a database, a reader, or say something else there. */
const poison: readonly (readonly [string, string])[] = [
  ['an escaped NUL', '"a\\u0000b"'],
  ['a NUL in a key', '{"k\\u0000":1}'],
  ['the first half of a pair', '"\\ud83d"'],
  ['the second half of a pair', '["x","\\uDE00"]'],
  ['a pair the wrong way round', '"\\ude00\\ud83d"'],
  ['half of a pair before a letter', '{"a":"\\ud800a"}'],
  ['a number beyond all doubles', '[1e999]'],
  ['its negative', '{"n":-1E+400}'],
  ['four hundred digits', '9'.repeat(400)],
  ['lists 5,000 deep', nested(5_000)],
  ['objects 5,000 deep', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
  ['lists a million deep', nested(1_000_000)],
];

/** Text that is no JSON, though many a writer says it. */
const noJson: readonly (readonly [string, string])[] = [
  ['NaN', 'NaN'],
  ['Infinity', '[-Infinity]'],
  ['undefined', '{"a":undefined}'],
  ['a raw control character', '"a\u0001b"'],
  ['a raw line end in a text', '"a\nb"'],
  ['a trailing comma', '[1,]'],
];

/** JSON that is odd and good, and has to come back as it was written. */
const good: readonly (readonly [string, string])[] = [
  ['2^53 + 1', '9007199254740993'],
  ['a long fraction, a negative zero, an exponent', '[0.1000000000000000055511151231257827,-0.0,1E5]'],
  ['the largest double and the smallest', '[1.7976931348623157e308,5e-324]'],
  ['keys that objects have', '{"__proto__":{"a":1},"constructor":2,"toString":3}'],
  ['keys that look like numbers, in their order', '{"10":1,"9":2,"":3}'],
  ['line separators, a byte order mark and a whole pair', '"\u2028\u2029\ufeff🦈"'],
  ['an escaped backslash before u0000', '"\\\\u0000"'],
  ['lists 60 deep', nested(60)],
];

/** Where JSON of somebody else comes in, and how it is sent. */
interface Place {
  readonly field: string;
  /** Sends it; an execution that is being driven is there for those that need one. */
  readonly send: (app: TestEngine, driven: Driven, text: string) => Promise<Answer>;
}

const json = { 'content-type': 'application/json' };
const enqueueText = (app: TestEngine, text: string) => app.call('POST', '/tasks', text, { headers: json });
const say =
  (verb: string, body: (text: string) => string): Place['send'] =>
  (app, { url, capability }, text) =>
    app.call('POST', `${url}/${verb}`, body(text), { token: capability, headers: json });

const places: Readonly<Record<string, Place>> = {
  'an input': { field: 'input', send: (app, _, text) => enqueueText(app, `{"task":"note","input":{"value":${text}}}`) },
  metadata: {
    field: 'metadata',
    send: (app, _, text) => enqueueText(app, `{"task":"note","input":{"value":1},"metadata":{"m":${text}}}`),
  },
  'a unique key': {
    field: 'unique_key',
    send: (app, _, text) => enqueueText(app, `{"task":"note","input":{"value":1},"unique_key":${text}}`),
  },
  'progress of a driver': { field: 'progress', send: say('beat', (text) => `{"progress":${text}}`) },
  'a result of a driver': {
    field: 'result',
    send: say('complete', (text) => `{"outcome":"succeeded","result":${text}}`),
  },
  'an error message of a driver': {
    field: 'error.message',
    send: say('complete', (text) => `{"outcome":"failed","error":{"type":"E","message":${text}}}`),
  },
  'a traceback of a driver': {
    field: 'error.traceback',
    send: say('complete', (text) => `{"outcome":"failed","error":{"type":"E","message":"m","traceback":${text}}}`),
  },
};

describe.each(Object.entries(places))('%s', (_, { field, send }) => {
  test('that nobody may store is refused by its field, and changes nothing', async () => {
    const app = make();
    const driven = await driver.begin(app);
    const before = await fresh.fingerprint();
    for (const [name, text] of poison) {
      const answer = await send(app, driven, text);
      expectProblem(answer, 422, 'invalid_request', answer.body?.field);
      expect(`${answer.body.field}.`.startsWith(`${field}.`), `${name}: ${answer.text.slice(0, 200)}`).toBe(true);
      expect(answer.text.length, name).toBeLessThan(2_000);
    }
    expect(await fresh.fingerprint()).toBe(before);
    expect((await app.call('GET', `/status/${driven.id}`)).body.task.state).toBe('RUNNING');
  });

  test('that is no JSON makes the body none', async () => {
    const app = make();
    const driven = await driver.begin(app);
    for (const [, text] of noJson) expectProblem(await send(app, driven, text), 400, 'malformed_body');
  });
});

describe.each(good)('%s', (_, text) => {
  test('goes through everything that keeps JSON, byte for byte', async () => {
    const app = make();
    const driven = await driver.begin(app);
    const enqueued = await app.call('POST', '/tasks', `{"task":"on_ray","input":{},"metadata":{"m":${text}}}`, {
      headers: json,
    });
    expect((await app.call('GET', `/executions/${enqueued.body.task.id}`)).text).toContain(`"metadata":{"m":${text}}`);
    await say('beat', (value) => `{"progress":${value}}`)(app, driven, text);
    expect((await app.call('GET', `/status/${driven.id}`)).text).toContain(`"progress":${text},`);
    await say('complete', (value) => `{"outcome":"succeeded","result":${value}}`)(app, driven, text);
    expect((await app.call('GET', `/status/${driven.id}`)).text).toContain(`"result":${text},`);
    expect((await app.call('GET', `/executions/${driven.id}/result`)).text).toBe(text);
  });
});

test('a driver that was refused can still say its outcome, and the next execution begins', async () => {
  const app = make();
  const driven = await driver.begin(app);
  for (const [, text] of poison) await places['a result of a driver']!.send(app, driven, text);
  const { status } = await say('complete', () => '{"outcome":"failed","error":{"type":"RefusedResult","message":"m"}}')(
    app,
    driven,
    '',
  );
  expect(status).toBe(200);
  expect(await look(app, driven.id)).toMatchObject({ state: 'QUEUED', error: { type: 'RefusedResult' } });
  const next = await driver.begin(app);
  expect((await look(app, next.id)).state).toBe('RUNNING');
});

test('the largest input that is taken comes back whole, and one byte more is refused', async () => {
  const app = fresh.make({ env: { MOBULA_MAX_INPUT_BYTES: '1048576' } });
  const wish = (length: number) => `{"task":"note","input":{"value":"${'x'.repeat(length)}"}}`;
  const room = 1_048_576 - wish(0).length;
  const { body } = await enqueueText(app, wish(room));
  await app.call('POST', '/run', {});
  expect((await look(app, body.task.id)).result_bytes).toBe(room + 2);
  expectProblem(await enqueueText(app, wish(room + 1)), 413, 'body_too_large');
});
