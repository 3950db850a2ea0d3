import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExact, readItems, scanJson } from '../../src/core/json-text.ts';

const textOf = (source: string): string | null => {
  const scanned = scanJson(source);
  return scanned.problem ? null : scanned.text;
};
const problemOf = (source: string) => scanJson(source).problem;

/** Any JSON value whose strings hold no NUL, which we refuse. */
const jsonValue = fc
  .jsonValue({ maxDepth: 5, stringUnit: 'binary' })
  .filter((value) => !JSON.stringify(value).includes('\\u0000'));

/** White space where the grammar allows it, and characters beyond ASCII escaped at random. */
function disguise(text: string, dice: () => number): string {
  let inString = false;
  return text.replace(/\\.|[^\\]/gsu, (token) => {
    if (token === '"') inString = !inString;
    else if (inString) {
      if (token < '\x80' || dice() < 0.5) return token;
      return token
        .split('')
        .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join('');
    } else if (/[[\]{},:]/.test(token) && dice() < 0.5) return ` \t${token}\r\n `;
    return token;
  });
}

describe('a JSON text', () => {
  test('is taken with its value unchanged, however it is spaced and escaped', () => {
    fc.assert(
      fc.property(jsonValue, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (value, stream) => {
        const compact = JSON.stringify(value);
        const source = disguise(compact, () => stream.next().value ?? 0);
        expect(JSON.parse(source)).toEqual(JSON.parse(compact));
        const scanned = scanJson(source);
        // What fast-check makes may be a top-level object with an odd key, never one twice.
        expect(scanned.problem).toBeNull();
        expect(textOf(source)).toBe(compact);
      }),
      { numRuns: 500 },
    );
  });

  test('is refused exactly where JSON.parse refuses it', () => {
    const fragment = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '"a"',
        '"b"',
        '1',
        '-',
        '0',
        '.5',
        'e1',
        'E+2',
        'true',
        'fals',
        'null',
        ' ',
        '\n',
      ],
      ...['\\', '\\n', '\\u00e9', '\\u12', '"\\u0041"', '"\\/"', '"\\x"', '\t', '"\u0001"', '\u00a0', '+1', '01', '//'],
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 9 }), (parts) => {
        const source = parts.join('');
        let parses = true;
        try {
          JSON.parse(source);
        } catch {
          parses = false;
        }
        expect(problemOf(source)?.reason === 'syntax').toBe(!parses);
      }),
      { numRuns: 20_000 },
    );
  });

  test('that loses or changes one character is judged as JSON.parse judges it', () => {
    const change = fc.tuple(jsonValue, fc.nat(), fc.constantFrom('', '"', '\\', ',', '0', 'e', '}', '\u0002'));
    fc.assert(
      fc.property(change, ([value, seed, instead]) => {
        const text = JSON.stringify(value);
        const at = seed % text.length;
        const source = text.slice(0, at) + instead + text.slice(at + 1);
        let parses = true;
        try {
          JSON.parse(source);
        } catch {
          parses = false;
        }
        expect(problemOf(source)?.reason === 'syntax').toBe(!parses);
      }),
      { numRuns: 3_000 },
    );
  });

  test('keeps numbers, key order and escapes that matter as they were written', () => {
    const source =
      '{ "b" : 9007199254740993 , "a" : [1.0, -0, 1E+2, 0.10], "s": "\\u00e9\\ud83d\\ude00\\n\\/\\u0007\\u0041" }';
    expect(textOf(source)).toBe('{"b":9007199254740993,"a":[1.0,-0,1E+2,0.10],"s":"é😀\\n\\/\\u0007\\u0041"}');
  });

  test('that is compact already is given back as it is', () => {
    expect(textOf('{"a":[1,"é"]}')).toBe('{"a":[1,"é"]}');
    expect(textOf(' 7 ')).toBe('7');
  });

  test.each([
    ['depth', `{"a":${'['.repeat(64)}${']'.repeat(64)}}`, `a${'.0'.repeat(63)}`],
    ['nul', '{"tasks":[{"x":1},{"input":{"s":"a\\u0000"}}]}', 'tasks.1.input.s'],
    ['nul', '{"a":{"k\\u0000":1}}', 'a'],
    ['nul', '{"a":"\0"}', 'a'],
    ['surrogate', '{"a":"\\ud800"}', 'a'],
    ['surrogate', '{"a":"\\udc00\\ud800"}', 'a'],
    ['surrogate', '{"a":"\\ud83d\\u0041"}', 'a'],
    ['surrogate', '{"a":"\ud83d"}', 'a'],
    ['number', '{"a":[0,1e999]}', 'a.1'],
    ['number', `{"a":-${'9'.repeat(400)}}`, 'a'],
    ['duplicate', '{"a":1,"b":2,"\\u0061":3}', 'a'],
  ])('is refused for its %s, with the path to it', (reason, source, path) => {
    expect(problemOf(source)).toMatchObject({ reason, path });
  });

  test('that is no JSON is called that, whatever else is wrong with it', () => {
    expect(problemOf('{"a":"\\u0000",')).toMatchObject({ reason: 'syntax', at: 14 });
    expect(problemOf('['.repeat(100_000))).toMatchObject({ reason: 'syntax' });
    expect(problemOf('')).toMatchObject({ reason: 'syntax', at: 0 });
  });

  test('may be as deep as 64, with the same key in several objects, and numbers that round to zero', () => {
    expect(problemOf('['.repeat(64) + ']'.repeat(64))).toBeNull();
    expect(problemOf('[{"a":1},{"a":2}]')).toBeNull();
    expect(problemOf('{"x":{"a":1,"a":2}}')).toBeNull();
    expect(problemOf('1e-999')).toBeNull();
    expect(problemOf(`1${'0'.repeat(308)}`)).toBeNull();
  });

  test('as wide as a body may be is read in linear time', () => {
    const long = `{"a":[${'1 ,'.repeat(300_000)}1],"s":"${'\\u00e9'.repeat(20_000)}"}`;
    const started = performance.now();
    expect(problemOf(long)).toBeNull();
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('the parts of a JSON text', () => {
  test('are the texts of its members, and of theirs', () => {
    const scanned = scanJson(
      '{ "tasks" : [ {"input": {"n": 9007199254740993 }, "k\\u00e9y": null}, {} ], "__proto__": 1 }',
    );
    const members = scanned.problem ? null : scanned.members;
    expect([...(members ?? [])]).toEqual([
      ['tasks', '[{"input":{"n":9007199254740993},"kéy":null},{}]'],
      ['__proto__', '1'],
    ]);
    const [first, second] = readItems(members?.get('tasks') ?? '');
    const inside = [
      ['input', '{"n":9007199254740993}'],
      ['kéy', 'null'],
    ] as const;
    expect(scanJson(first ?? '')).toMatchObject({ problem: null, members: new Map(inside) });
    expect(second).toBe('{}');
  });

  test('join to the whole again', () => {
    fc.assert(
      fc.property(fc.array(jsonValue), (items) => {
        expect(`[${readItems(JSON.stringify(items, null, 1)).join(',')}]`).toBe(JSON.stringify(items));
      }),
    );
  });

  test('are there for objects and arrays only', () => {
    expect(scanJson('[1]')).toMatchObject({ members: null });
    expect(() => readItems('{}')).toThrow(TypeError);
    expect(() => readItems('[')).toThrow(TypeError);
    expect(scanJson('[ 1 , {"a":\t2} ]')).toMatchObject({ text: '[1,{"a":2}]' });
  });
});

describe('an exact parse', () => {
  test('gives a bigint for an integer that a double cannot hold, and a number for any other', () => {
    expect(
      parseExact('{"a":9007199254740993,"b":9007199254740992,"c":[-12345678901234567891],"d":1234567890.1234567}'),
    ).toEqual({
      a: 9007199254740993n,
      b: 9007199254740992,
      c: [-12345678901234567891n],
      d: 1234567890.1234567,
    });
  });

  test('leaves digits within strings alone', () => {
    expect(parseExact('{"id":"9007199254740993","n":1}')).toEqual({ id: '9007199254740993', n: 1 });
  });
});
