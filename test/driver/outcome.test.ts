import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { drive, outcomeOf, type Reply } from './drive.ts';

const raising = (line: string) => ({ 'task.py': `class Odd(ValueError):\n    pass\ndef run():\n    ${line}\n` });

describe.concurrent('a task that fails', { timeout: 30_000 }, () => {
  test('is told with type, message, traceback and all its names', async () => {
    const { body, code, log } = await outcomeOf({ files: raising('raise Odd("no such dataset")') });

    const { traceback, ...error } = body.error;
    expect(body.outcome).toBe('failed');
    expect(error).toEqual({
      type: 'Odd',
      message: 'no such dataset',
      types: [
        ...['Odd', 'task.Odd', 'ValueError', 'builtins.ValueError', 'Exception', 'builtins.Exception'],
        ...['BaseException', 'builtins.BaseException'],
      ],
    });
    expect(traceback).toMatch(/^Traceback \(most recent call last\):\n {2}File ".*task.py", line 4, in run\n/);
    expect(traceback).toMatch(/task\.Odd: no such dataset\n$/);
    expect(traceback).not.toContain('mobula_driver');
    expect(code).toBe(1);
    expect(log).toContain('task.Odd: no such dataset');
  });

  test.each([
    ['raise SystemExit(3)', 'SystemExit', '3'],
    ['import sys; sys.exit()', 'SystemExit', ''],
    ['raise KeyboardInterrupt', 'KeyboardInterrupt', ''],
    ['raise ValueError("a\\0b\\ud800c")', 'ValueError', 'ab?c'],
    ['raise ValueError("ü" * 9000)', 'ValueError', 'ü'.repeat(2048)],
    ['def f(n): return f(n + 1)\n    f(0)', 'RecursionError', expect.stringContaining('recursion')],
    ['raise type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})', 'Mute', '<its message could not be read>'],
    ['import no_such_module', 'ModuleNotFoundError', "No module named 'no_such_module'"],
    ['import sys; sys.stderr.close(); sys.stdout = None; raise OSError("deaf")', 'OSError', 'deaf'],
  ])('%s', async (line, type, message) => {
    const { body, code } = await outcomeOf({ files: raising(line) });
    expect(body).toMatchObject({ outcome: 'failed', error: { type, message } });
    expect(Buffer.byteLength(body.error.traceback)).toBeLessThanOrEqual(32 * 1024);
    expect(code).toBe(1);
  });

  test.each([
    ['task:nothing', 'AttributeError'],
    ['nowhere:run', 'ModuleNotFoundError'],
  ])('a callable %s that is not there is a failure', async (callable, type) => {
    const { body } = await outcomeOf({ files: raising('pass'), begun: { callable } });
    expect(body.error.type).toBe(type);
    expect(body.error.traceback).not.toContain('mobula_driver');
  });
});

describe.concurrent('a result that is not JSON', { timeout: 30_000 }, () => {
  test.each([
    ['return object()', 'TypeError'],
    ['return {(1, 2): 3}', 'TypeError'],
    ['return [float("nan")]', 'ValueError'],
    ['return float("inf")', 'ValueError'],
    ['return "\\ud800"', 'ValueError'],
    ['return {"a\\0": 1}', 'ValueError'],
    ['a = []; a.append(a); a.append(a); return a', 'ValueError'],
    ['a = 1\n    for _ in range(65): a = [a]\n    return a', 'ValueError'],
    ['a = 1\n    for _ in range(100000): a = [a]\n    return a', 'ValueError'],
  ])('%s', async (line, type) => {
    const { body, code } = await outcomeOf({ files: raising(line) });
    expect(body).toMatchObject({ outcome: 'failed', error: { type, types: [type], retryable: false } });
    expect(body.error.message).toMatch(/^The result is not JSON: /);
    expect(code).toBe(1);
  });

  test('what JSON can hold is no failure', async () => {
    const line = 'a = {1: (None, True)}\n    for _ in range(61): a = [a]\n    return ["\\\\u0000", a]';
    const { text } = await outcomeOf({ files: raising(line) });
    const nested = `${'['.repeat(61)}{"1":[null,true]}${']'.repeat(61)}`;
    expect(text).toBe(`{"outcome":"succeeded","result":["\\\\u0000",${nested}]}`);
  });
});

describe.concurrent('a large result', { timeout: 30_000 }, () => {
  const files = { 'task.py': 'def run(): return "ü" * 700\n' };
  const value = JSON.stringify('ü'.repeat(700));
  const digest = { sha256: createHash('sha256').update(value).digest('hex'), bytes: 1402 };
  const begun = { inline_bytes: 1401 };

  const upload = { method: 'PUT', url: '/base/attempts/0199/2/object', headers: { 'x-amz-acl': 'private' } };

  test('goes to the store with exactly the headers that were given', async () => {
    const reply = ({ verb }: { verb: string }) => (verb === 'upload' ? { json: { upload } } : undefined);
    await using run = await drive({ files, begun, reply });

    expect((await run.ended).code).toBe(0);
    expect(run.of('upload')[0]!.body).toEqual(digest);
    const [object] = run.of('object');
    expect(object!.text).toBe(value);
    expect(object!.headers).toMatchObject({ 'x-amz-acl': 'private', 'content-length': '1402' });
    expect(object!.headers).not.toHaveProperty('content-type');
    expect(object!.headers).not.toHaveProperty('authorization');
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'succeeded', stored: digest });
  });

  test('at the limit is inline', async () => {
    const { text } = await outcomeOf({ files, begun: { inline_bytes: 1402 } });
    expect(text).toBe(`{"outcome":"succeeded","result":${value}}`);
  });

  test.each([409, 412])('that is there already (%d) is stored', async (status) => {
    const reply = ({ verb }: { verb: string }) =>
      verb === 'upload' ? { json: { upload } } : verb === 'object' ? { status } : undefined;
    await using run = await drive({ files, begun, reply });

    await run.ended;
    expect(run.of('object')).toHaveLength(1);
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'succeeded', stored: digest });
  });

  const replies: [string, (said: { verb: string }) => Reply | undefined, number, string][] = [
    ['fails three times', ({ verb }) => reject(verb, { status: 500 }), 3, 'the result store answered HTTP 500'],
    ['drops the line', ({ verb }) => reject(verb, 'drop'), 3, 'the result store was out of reach (RemoteDisconnected)'],
    ['is not there', ({ verb }) => refuse(verb, { json: { upload: null, reason: 'no store' } }), 0, 'no store'],
    ['is refused', ({ verb }) => refuse(verb, { status: 422 }), 0, 'the upload was refused (HTTP 422)'],
  ];
  const refuse = (verb: string, reply: Reply) => (verb === 'upload' ? reply : undefined);
  const reject = (verb: string, reply: Reply) =>
    verb === 'upload' ? { json: { upload } } : verb === 'object' ? reply : undefined;

  test.each(replies)('whose store %s is kept as a digest', async (_, reply, puts, reason) => {
    await using run = await drive({ files, begun, reply });

    expect((await run.ended).code).toBe(0);
    expect(run.of('object')).toHaveLength(puts);
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'succeeded', digest_only: { ...digest, reason } });
    expect(run.log()).toContain(reason);
  });

  test.each([
    [
      413,
      { outcome: 'succeeded', digest_only: { ...digest, reason: 'the value was too large for the app (HTTP 413)' } },
    ],
    [422, { outcome: 'failed', error: { type: 'RefusedResult', retryable: false } }],
  ])('that complete answers with %d is reported without the value', async (status, body) => {
    const reply = ({ verb }: { verb: string }, count: number) =>
      verb === 'complete' && count === 1 ? { status } : undefined;
    await using run = await drive({ files, reply });

    await run.ended;
    expect(run.of('complete')[1]!.body).toMatchObject(body);
  });
});
