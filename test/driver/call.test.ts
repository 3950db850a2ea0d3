import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from './drive.ts';

const seen = 'def run(*args, **kwargs): return {"args": args, "kwargs": kwargs}\n';

describe.concurrent('calling the task', { timeout: 30_000 }, () => {
  test.each([
    ['an object becomes keyword arguments', '{"a":1,"b":[2]}', { args: [], kwargs: { a: 1, b: [2] } }],
    ['an empty object calls it without arguments', '{}', { args: [], kwargs: {} }],
    ['an array becomes positional arguments', '[1,{"b":2}]', { args: [1, { b: 2 }], kwargs: {} }],
    ['a string is the single argument', '"text"', { args: ['text'], kwargs: {} }],
    ['a number is the single argument', '0', { args: [0], kwargs: {} }],
    ['null is the single argument', 'null', { args: [null], kwargs: {} }],
  ])('%s', async (_, input, result) => {
    const { body, code } = await outcomeOf({ files: { 'task.py': seen }, input });
    expect(body).toEqual({ outcome: 'succeeded', result });
    expect(code).toBe(0);
  });

  test('input and result travel byte for byte', async () => {
    const texts = [
      `quotes ' " \` $(touch x) \${HOME} ; | & < > \\ \n\r\t`,
      'emoji 🐠 ü 漢 \u2028',
      'x'.repeat(200_000),
    ];
    const digits = '9'.repeat(5_000);
    const input = `{"value":[${texts.map((text) => JSON.stringify(text)).join(',')},9007199254740993,-0.0,1e16,${digits}]}`;
    const task = [
      'import hashlib',
      'def run(value):',
      '    return [hashlib.sha256(text.encode()).hexdigest() for text in value[:3]] + [value]',
    ].join('\n');

    const { text } = await outcomeOf({ files: { 'task.py': task }, input });

    const hashes = texts.map((one) => `"${createHash('sha256').update(one).digest('hex')}"`).join(',');
    const value = `[${texts.map((one) => JSON.stringify(one)).join(',')},9007199254740993,-0.0,1e+16,${digits}]`;
    expect(text).toBe(`{"outcome":"succeeded","result":[${hashes},${value}]}`);
  });

  test('a coroutine function is awaited', async () => {
    const task = 'import asyncio\nasync def run(n):\n    await asyncio.sleep(0)\n    return n + 1\n';
    expect((await outcomeOf({ files: { 'task.py': task }, input: '1' })).body.result).toBe(2);
  });

  test('a callable may be an attribute of something in a package', async () => {
    const task = 'class Model:\n    @staticmethod\n    def train(epochs): return epochs * 2\n';
    const files = { 'training/__init__.py': '', 'training/jobs.py': task };
    const { body } = await outcomeOf({
      files,
      begun: { callable: 'training.jobs:Model.train' },
      input: '{"epochs":3}',
    });
    expect(body.result).toBe(6);
  });

  test('None is null', async () => {
    const { text } = await outcomeOf({ files: { 'task.py': 'def run(): pass\n' } });
    expect(text).toBe('{"outcome":"succeeded","result":null}');
  });

  test('the context knows the attempt, also in a thread', async () => {
    const task = [
      'import threading, mobula_driver',
      'def run():',
      '    seen = []',
      '    def look(): c = mobula_driver.context(); seen.extend([c.id, c.attempt, c.cancelled])',
      '    thread = threading.Thread(target=look); thread.start(); thread.join()',
      '    return seen',
    ].join('\n');
    expect((await outcomeOf({ files: { 'task.py': task } })).body.result).toEqual(['0199', 2, false]);
  });

  test('a forked child that comes back in place of the task reports nothing', async () => {
    const task = [
      'import os',
      'def run():',
      '    pid = os.fork()',
      '    if pid == 0: return "child"',
      '    os.waitpid(pid, 0)',
      '    return "parent"',
    ].join('\n');
    expect((await outcomeOf({ files: { 'task.py': task } })).body.result).toBe('parent');
  });
});
