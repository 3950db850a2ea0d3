import { describe, expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { outcomeOf } from './drive.ts';

/** Runs a task of these lines to its end, and answers what the app heard of it. */
const outcomeOfLines = (...lines: string[]) => outcomeOf({ files: { 'task.py': lines.join('\n') } });

const giving = (expression: string) =>
  outcomeOfLines('import collections, datetime, decimal, enum, sys', 'def run():', `    return ${expression}`);

describe.concurrent('a value that JSON cannot say', { timeout: 30_000 }, () => {
  test.each([
    ['bytes', 'b"\\xff"', 'TypeError'],
    ['a set', '{"of": {1, 2}}', 'TypeError'],
    ['a generator', '(n for n in range(3))', 'TypeError'],
    ['a decimal', '[decimal.Decimal("1.1")]', 'TypeError'],
    ['an instant', 'datetime.datetime(2030, 1, 1)', 'TypeError'],
    ['a complex number', '1j', 'TypeError'],
    ['a module', 'sys', 'TypeError'],
    ['keys of bytes', '{b"k": 1}', 'TypeError'],
    ['a NaN as a key', '{float("nan"): 1}', 'ValueError'],
    ['half of a pair in a key', '{"\\udc00": 1}', 'ValueError'],
    ['a NUL deep inside', '[[[{"a": ("b\\0",)}]]]', 'ValueError'],
    ['a dict that holds itself', '(lambda d: d.setdefault("d", d) and d)({})', 'ValueError'],
  ])('%s', async (_, expression, type) => {
    const { body, code } = await giving(expression);
    expect(body).toMatchObject({ outcome: 'failed', error: { type, retryable: false } });
    expect(code).toBe(1);
  });

  test('a value whose own code fails is a failure of that code', async () => {
    const { body } = await outcomeOfLines(
      'class Odd(dict):',
      '    def values(self): raise LookupError("no values")',
      'def run(): return [Odd(a=1)]',
    );
    expect(body).toMatchObject({ outcome: 'failed', error: { type: 'LookupError', message: 'no values' } });
  });
});

describe.concurrent('a value that is odd and good', { timeout: 30_000 }, () => {
  test.each([
    ['2**53 + 1', '[2**53 + 1, -(2**64), 10**300]', `[9007199254740993,-18446744073709551616,1${'0'.repeat(300)}]`],
    ['an enum of integers', 'enum.IntEnum("Colour", "RED GREEN").GREEN', '2'],
    ['a named tuple', 'collections.namedtuple("Point", "x y")(1, 2)', '[1,2]'],
    ['keys of all kinds', '{1: 1, None: 2, True: 3, 1.5: 4, "": 5}', '{"1":3,"null":2,"1.5":4,"":5}'],
    ['what is beyond ASCII', '"\\u2028\\ufeff\\U0001f988"', '"\u2028\ufeff🦈"'],
  ])('%s', async (_, expression, text) => {
    expect((await giving(expression)).text).toBe(`{"outcome":"succeeded","result":${text}}`);
  });
});

describe.concurrent('an exception of whatever kind', { timeout: 30_000 }, () => {
  const raising = (...lines: string[]) =>
    outcomeOfLines(...lines.slice(0, -1), 'def run():', `    raise ${lines.at(-1)}`);

  test.each([
    ['of a name without end', ['type("N" * 300, (Exception,), {})("m")'], 'N'.repeat(limits.nameLength), 'm'],
    ['without a name', ['type("", (Exception,), {})("m")'], 'Exception', 'm'],
    [
      'whose class refuses to be asked',
      [
        'class Meta(type):',
        '    @property',
        '    def __name__(cls): raise ValueError("no name")',
        'class Odd(Exception, metaclass=Meta): pass',
        'Odd("m")',
      ],
      'Odd',
      'm',
    ],
    [
      'whose message ends the program',
      ['class Odd(Exception):', '    def __str__(self): raise SystemExit(0)', 'Odd()'],
      'Odd',
      '<its message could not be read>',
    ],
    [
      'whose message is no text',
      ['class Odd(Exception):', '    def __str__(self): return 5', 'Odd()'],
      'Odd',
      '<its message could not be read>',
    ],
    ['whose message is ten million characters', ['ValueError("m" * 10_000_000)'], 'ValueError', 'm'.repeat(4096)],
    ['of all poison', ['ValueError("\\0\\ud800\\udfff" * 3)'], 'ValueError', '??????'],
    [
      'of many',
      ['ExceptionGroup("of them", [ValueError("a"), TypeError("b")])'],
      'ExceptionGroup',
      'of them (2 sub-exceptions)',
    ],
  ])('%s', async (_, lines, type, message) => {
    const { body, code } = await raising(...lines);
    expect(body).toMatchObject({ outcome: 'failed', error: { type, message } });
    expect(body.error.types.length).toBeGreaterThan(0);
    expect(code).toBe(1);
  });

  test('one that causes itself', async () => {
    const { body } = await outcomeOfLines(
      'def run():',
      '    error = ValueError("m")',
      '    error.__cause__ = error',
      '    raise error',
    );
    expect(body.error).toMatchObject({ type: 'ValueError', message: 'm' });
  });

  test('nothing at all', async () => {
    const { body } = await outcomeOfLines('def run(): raise None');
    expect(body.error.type).toBe('TypeError');
  });
});
