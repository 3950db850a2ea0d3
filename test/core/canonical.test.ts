import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalText } from '../../src/core/canonical.ts';
import { parseExact } from '../../src/core/json-text.ts';

const same = (one: string, other: string) => canonicalText(parseExact(one)) === canonicalText(parseExact(other));

test('spelling does not count: white space, the order of keys, escapes, and how a number is written', () => {
  expect(same('{"a":1,"b":[true,null]}', ' { "b" : [ true , null ] , "a" : 1 } ')).toBe(true);
  expect(same('{"z":{"y":1,"x":2}}', '{"z":{"x":2,"y":1}}')).toBe(true);
  expect(same('"\\u00e9"', '"é"')).toBe(true);
  expect(same('[1.0,1e2]', '[1,100]')).toBe(true);
});

test.each([
  ['[1,2]', '[2,1]'],
  ['1', '"1"'],
  ['null', '{}'],
  ['[]', '{}'],
  ['{"a":1}', '{"a":1,"b":null}'],
  ['9007199254740993', '9007199254740992'],
  ['{"a,b":1}', '{"a":1,"b":1}'],
])('%s and %s are different requests', (one, other) => {
  expect(same(one, other)).toBe(false);
});

test('the text says everything but the order of keys: reading it gives the value back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(JSON.parse(canonicalText(JSON.parse(text)))).toEqual(JSON.parse(text));
    }),
  );
});
