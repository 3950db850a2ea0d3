import { describe, expect, test } from 'vitest';
import { gcsFetchStore } from '../../src/results/gcs-fetch.ts';
import { s3FetchStore } from '../../src/results/s3-fetch.ts';
import { s3Url } from '../../src/results/s3-sign.ts';

const credentials = { accessKeyId: 'AKIDFAKE', secretAccessKey: 'canary-s3-secret' };
const sha256 = `abcd${'0'.repeat(60)}`;
const digest = { sha256, bytes: 7 };
const s3 = (bucket: string, prefix: string) => s3FetchStore({ bucket, prefix, credentials });
const gcs = (bucket: string, prefix: string) => gcsFetchStore({ bucket, prefix });

describe('the references of a bucket', () => {
  test('are those of contract §6', () => {
    const key = `mobula/results/ab/cd/${sha256}.json`;
    expect(s3('results', 'mobula/results').reference(digest)).toBe(`s3://results/${key}?bytes=7`);
    expect(gcs('results', 'mobula/results').reference(digest)).toBe(`gs://results/${key}?bytes=7`);
  });

  test('begin with the digest where there is no prefix', () => {
    expect(s3('results', '').reference(digest)).toBe(`s3://results/ab/cd/${sha256}.json?bytes=7`);
  });

  test.each(['/results', 'results/', 'a//b', '../b', 'a/../b', '.', 'a b', 'a?b', 'a%2fb', 'é', 'x'.repeat(201)])(
    'are not made with the prefix %j, which could mean two things',
    (prefix) => {
      const refused = { code: 'misconfigured', message: expect.stringContaining('MOBULA_RESULT_STORAGE_') };
      expect(() => s3('results', prefix)).toThrow(expect.objectContaining(refused));
      expect(() => gcs('results', prefix)).toThrow(expect.objectContaining(refused));
    },
  );

  test.each(['', 'a', 'Results', 'a/b', 'a..b', '-results', 'results?x', 'user@host'])(
    'are not made with %j for a bucket',
    (bucket) => {
      expect(() => s3(bucket, 'results')).toThrow('MOBULA_RESULT_STORAGE_S3_BUCKET is not the name of a bucket');
      expect(() => gcs(bucket, 'results')).toThrow('MOBULA_RESULT_STORAGE_GCS_BUCKET is not the name of a bucket');
    },
  );
});

test.each([
  ['eu-north-1', 'results', undefined, 'https://results.s3.eu-north-1.amazonaws.com/key'],
  ['eu-north-1', 'my.results', undefined, 'https://s3.eu-north-1.amazonaws.com/my.results/key'],
  ['cn-north-1', 'results', undefined, 'https://results.s3.cn-north-1.amazonaws.com.cn/key'],
  ['auto', 'results', 'https://account.r2.example', 'https://account.r2.example/results/key'],
  ['auto', 'results', 'http://127.0.0.1:9000/', 'http://127.0.0.1:9000/results/key'],
])('an object in %s in bucket %s behind %s is at %4$s', (region, bucket, endpoint, url) => {
  expect(s3Url({ bucket, region, endpoint }, 'key')).toBe(url);
});
