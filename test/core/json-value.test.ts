import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanJson } from '../../src/core/json-text.ts';
import { toJsonText, utf8Bytes } from '../../src/core/json-value.ts';

class Point {
  readonly x = 1;
}
const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

describe('a value of TypeScript', () => {
  test('is written as JSON.stringify writes it, where JSON can say it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' }), (value) => {
        fc.pre(!JSON.stringify(value).includes('\\u0000'));
        expect(toJsonText(value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test('is text that we take back', () => {
    expect(scanJson(toJsonText({ a: [1n << 70n, 'é\u2028', -0], b: undefined }))).toMatchObject({
      problem: null,
      text: '{"a":[1180591620717411303424,"é\u2028",0]}',
    });
  });

  test.each([
    ['a NaN', { items: [0, 1, 2, Number.NaN] }, 'value.items.3 is NaN'],
    ['an infinity', { a: Number.POSITIVE_INFINITY }, 'value.a is Infinity'],
    ['an undefined item', [undefined], 'value.0 is undefined'],
    ['a hole', new Array(1), 'value.0 is undefined'],
    ['nothing', undefined, 'value is undefined'],
    ['a function', { f: () => 1 }, 'value.f is a function'],
    ['a symbol', { s: Symbol('s') }, 'value.s is a symbol'],
    ['a Date', { at: new Date(0) }, 'value.at is an instance of Date'],
    ['a Map', new Map(), 'value is an instance of Map'],
    ['a Set', [new Set()], 'value.0 is an instance of Set'],
    ['an instance of a class', { p: new Point() }, 'value.p is an instance of Point'],
    ['bytes', new Uint8Array(1), 'value is an instance of Uint8Array'],
    ['a toJSON of its own', { toJSON: () => 1 }, 'value is an instance of Object'],
    ['a NUL', { a: '\0' }, 'value.a has a NUL'],
    ['half a pair', { a: '\ud800' }, 'value.a has half of a surrogate pair'],
    ['half a pair in a key', { a: { '\ud800': 1 } }, 'value.a has half of a surrogate pair'],
    ['an overflowing bigint', 10n ** 400n, 'value is larger'],
    ['itself', cycle, 'nested deeper than 64 levels, or refers to itself'],
  ])('with %s is refused by its path', (_what, value, message) => {
    expect(() => toJsonText(value)).toThrow(TypeError);
    expect(() => toJsonText(value)).toThrow(message);
  });

  test('is named as the caller names it', () => {
    expect(() => toJsonText({ n: Number.NaN }, 'input')).toThrow('input.n is NaN.');
  });

  test('may be as deep as what we read, and no deeper', () => {
    const nest = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    expect(toJsonText(nest(64))).toHaveLength(128);
    expect(() => toJsonText(nest(65))).toThrow(TypeError);
  });
});

/** Texts with halves of pairs among them. */
const anyUnits = fc
  .array(fc.oneof(fc.nat({ max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff })))
  .map((units) => String.fromCharCode(...units));

test('the bytes of a text are those that an encoder makes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), anyUnits), (text) => {
      expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
    }),
  );
});
