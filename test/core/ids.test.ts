import { describe, expect, test } from 'vitest';
import { isExecutionId, rayJobId, uuidv7 } from '../../src/core/ids.ts';

const zeros = (bytes: Uint8Array) => void bytes.fill(0);
const random = (bytes: Uint8Array) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);

describe('ids', () => {
  test('begin with the 48 bits of the millisecond they were made in, as RFC 9562 says', () => {
    const at = Date.UTC(2031, 4, 6, 7, 8, 9, 123);
    const id = uuidv7(at, zeros);
    expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(at);
    expect(id.slice(13)).toBe('-7000-8000-000000000000');
  });

  test('grow, also many within one millisecond and when the clock goes back', () => {
    const at = Date.UTC(2032, 0, 1);
    const clock = [...Array.from({ length: 10_000 }, () => at), at - 5_000, at + 1, at];
    const ids = clock.map((ms) => uuidv7(ms, random));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !isExecutionId(id))).toEqual([]);
  });

  test.each([
    '',
    'x',
    '01a1fc31-7ac9-4000-99c1-cd340bf7a7d2',
    '01A1FC31-7AC9-7000-99C1-CD340BF7A7D2',
    '01a1fc317ac9700099c1cd340bf7a7d2',
    ' 01a1fc31-7ac9-7000-99c1-cd340bf7a7d2',
    '01a1fc31-7ac9-7000-99c1-cd340bf7a7d2\n',
    '01a1fc31-7ac9-7000-c9c1-cd340bf7a7d2',
    `01a1fc31-7ac9-7000-99c1-cd340bf7a7d2'; drop table x; --`,
  ])('%j is none of ours', (text) => {
    expect(isExecutionId(text)).toBe(false);
  });
});

test('the Ray job of an attempt is named by execution and attempt alone', () => {
  const id = '01a1fc31-7ac9-7000-99c1-cd340bf7a7d2';
  expect(rayJobId(id, 3)).toBe('mobula-01a1fc317ac9700099c1cd340bf7a7d2-a3');
  expect(rayJobId(id, 3)).not.toBe(rayJobId(id, 4));
});
