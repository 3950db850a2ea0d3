import { describe, expect, test } from 'vitest';
import { isPattern, redactionBy } from '../../src/core/redact.ts';

const redact = redactionBy([]);

describe('a value is taken out', () => {
  test.each([
    ['password=hunter2', 'password=[redacted]'],
    ['DB_PASSWORD: hunter2 for ada', 'DB_PASSWORD: [redacted] for ada'],
    ['connect(host="a", secret=xyz)', 'connect(host="a", secret=[redacted])'],
    ['GET /?access_token=xyz&page=2', 'GET /?access_token=[redacted]&page=2'],
    ["{'api_key': 'x, y', 'a': 1}", "{'api_key': '[redacted]', 'a': 1}"],
    ['{"apiKey":"x","user":"ada"}', '{"apiKey":"[redacted]","user":"ada"}'],
    ['{"token":123,"user":"ada"}', '{"token":[redacted],"user":"ada"}'],
    ['{\\"token\\":\\"x\\\\\\"y\\",\\"a\\":1}', '{\\"token\\":\\"[redacted]\\",\\"a\\":1}'],
    ['secret="x\\"y" and more', 'secret="[redacted]" and more'],
    ["password=b'''x'y'''", "password=b'''[redacted]'''"],
    ['headers["Authorization"] = "Bearer x.y"', 'headers["Authorization"] = "[redacted]"'],
    ['x-auth-token: Bearer x.y', 'x-auth-token: [redacted]'],
    ['authorization: Digest a="b", c="d"\nnext', 'authorization: [redacted]\nnext'],
    ['Set-Cookie: a=b; c=d\nnext', 'Set-Cookie: [redacted]\nnext'],
    ['credentials => xyz', 'credentials => [redacted]'],
    ['private key: xyz', 'private key: [redacted]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nab\ncd=\n-----END RSA PRIVATE KEY-----\nnext', '[redacted]\nnext'],
    ['postgres://ada:hunter2@host/db is away', 'postgres://ada:[redacted]@host/db is away'],
  ])('%s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
    expect(redact(redacted), 'and nothing more the second time').toBe(redacted);
  });
});

describe('nothing is taken out', () => {
  test.each([
    'The password is wrong.',
    "KeyError: 'api_key'",
    'Unexpected token } in JSON at position 5',
    '    at parse (/app/src/tokens.ts:10:5)',
    '  File "/app/secrets.py", line 3, in read_token',
    'https://host:8080/a@b',
    'password=',
  ])('%s', (text) => {
    expect(redact(text)).toBe(text);
  });
});

test('further names are added to the built-in ones, as regular expressions in any case', () => {
  const more = redactionBy(['ssn', 'iban|konto_?nr']);
  expect(more('SSN=1 KontoNr: 2 my_iban="3" token=4')).toBe(
    'SSN=[redacted] KontoNr: [redacted] my_iban="[redacted]" token=[redacted]',
  );
  expect(redact('SSN=1')).toBe('SSN=1');
});

test.each([
  ['ssn', true],
  ['iban|konto', true],
  ['(', false],
  ['x*', false],
  ['(?<name>a)', false],
])('%s can be a pattern: %s', (text, can) => {
  expect(isPattern(text)).toBe(can);
});

test.each([
  'token',
  'token="',
  'token=\\"',
  'token=)',
  '\\',
  '://a:',
  'authorization: ',
  '-----BEGIN PRIVATE KEY-----',
])('no text takes long, however it repeats itself: %s', (part) => {
  const text = part.repeat(1_000_000 / part.length);
  const from = performance.now();
  redact(text);
  expect(performance.now() - from).toBeLessThan(5_000); // Some 100 ms; a square of its length would be minutes.
});
