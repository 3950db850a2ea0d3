import { describe, expect, test } from 'vitest';
import { matchesEtag } from '../../src/http/etag.ts';
import { preferredWait } from '../../src/http/prefer.ts';

describe('the Prefer header', () => {
  const waitOf = (prefer?: string) =>
    preferredWait(new Request('http://mobula.test/run', prefer === undefined ? {} : { headers: { prefer } }));

  test.each([
    ['wait=10', 10],
    ['Wait = 10', 10],
    ['wait="10"', 10],
    ['respond-async, wait=7; strict=1, handling=lenient', 7],
    ['wait=1, wait=2', 1],
    ['wait=0', 0],
    ['wait=99999999999999999999', 60],
  ])('of %s asks for its wait, within the bound', (prefer, seconds) => {
    expect(waitOf(prefer)).toBe(seconds);
  });

  test.each(['', 'wait', 'wait=', 'wait=-1', 'wait=soon', 'wait=1.5', 'await=5', 'wait=5x', 'return=minimal'])(
    'of "%s" asks for none',
    (prefer) => {
      expect(waitOf(prefer)).toBeNull();
    },
  );

  test('that is missing asks for none', () => {
    expect(waitOf()).toBeNull();
  });
});

describe('If-None-Match', () => {
  test.each(['"v1"', 'W/"v1"', '"v0", "v1"', ' "a,b" ,W/"v1" ', '*'])(
    'of %s names the tag, weak or strong',
    (header) => {
      expect(matchesEtag(header, '"v1"')).toBe(true);
      expect(matchesEtag(header, 'W/"v1"')).toBe(true);
    },
  );

  test.each(['"v2"', 'v1', '', '"v1', '"V1"'])('of %s does not', (header) => {
    expect(matchesEtag(header, '"v1"')).toBe(false);
  });

  test('that is missing names nothing', () => {
    expect(matchesEtag(null, '"v1"')).toBe(false);
  });
});
