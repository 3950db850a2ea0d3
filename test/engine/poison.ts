// What user code can give back, throw or report that nobody can store: each ends its own attempt and nothing else.
const refuse = (what: string) => () => {
  throw new RangeError(`${what} was touched`);
};
const hostile = (trap: keyof ProxyHandler<object>, target: object = {}) => new Proxy(target, { [trap]: refuse(trap) });

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const nested = (depth: number): unknown => {
  let value: unknown = 'core';
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { value };
  return value;
};

/** What a task returns, and the type of the error that its attempt ends with; null where it is a value after all. */
export const returned: Readonly<Record<string, readonly [give: () => unknown, type: string | null]>> = {
  'a symbol': [() => Symbol('s'), 'TypeError'],
  'a symbol inside': [() => [{ of: Symbol.iterator }], 'TypeError'],
  'a function inside': [() => ({ call: () => 1 }), 'TypeError'],
  'NaN inside': [() => [0 / 0], 'TypeError'],
  'an infinity': [() => -1 / 0, 'TypeError'],
  'a bigint too large for a double': [() => 10n ** 309n, 'TypeError'],
  'a hole': [() => new Array(2 ** 32 - 1), 'TypeError'],
  'a getter that throws': [() => Object.defineProperty({}, 'x', { get: refuse('x'), enumerable: true }), 'RangeError'],
  'a toJSON that throws': [() => ({ toJSON: refuse('toJSON') }), 'TypeError'],
  'a constructor that throws': [
    () => Object.defineProperty(new Map(), 'constructor', { get: refuse('c') }),
    'RangeError',
  ],
  'a proxy that throws when it is asked for its keys': [() => hostile('ownKeys'), 'RangeError'],
  'a proxy that throws when it is asked for its prototype': [() => hostile('getPrototypeOf'), 'RangeError'],
  itself: [() => Object.assign([], { 0: globalThis }), 'TypeError'],
  'depth 65': [() => nested(65), 'TypeError'],
  'depth 5,000': [() => nested(5_000), 'TypeError'],
  'a NUL in a key': [() => ({ 'a\0': 1 }), 'TypeError'],
  'half of a pair in a key': [() => ({ '\udc00': 1 }), 'TypeError'],
  'an invalid date': [() => new Date(Number.NaN), 'TypeError'],
  'depth 64': [() => nested(64), null],
  'an own __proto__': [() => JSON.parse('{"__proto__":{"polluted":true},"constructor":1}'), null],
  'line separators and a whole pair': [() => '\u2028\u2029🦈\u007f\ufffe', null],
  'a large string': [() => 'ä'.repeat(3_000_000), null],
};

const thenable = (then: (resolve: () => void, reject: () => void) => void): object =>
  Object.defineProperty({}, 'then', { value: then });

/** What fails already where it is awaited, which is the code's own failure; with the type of its error. */
export const unawaitable: typeof returned = {
  'a list whose length throws': [() => hostile('get', []), 'RangeError'],
  'a revoked proxy': [revoked, 'TypeError'],
  'a thenable that throws': [() => Object.defineProperty({}, 'then', { get: refuse('then') }), 'RangeError'],
  'a thenable that rejects with nothing': [() => thenable((_, reject) => reject()), 'Error'],
};

const bad = (make: (error: Error) => PropertyDescriptorMap) => () => {
  const error = new Error('m');
  return Object.defineProperties(error, make(error));
};

/** What a task throws, and the type that is kept of it. */
export const thrown: Readonly<Record<string, readonly [make: () => unknown, type: string]>> = {
  null: [() => null, 'Error'],
  undefined: [() => undefined, 'Error'],
  'a text with half of a pair and a NUL': [() => 'a\ud800b\0c', 'Error'],
  'a bigint': [() => 5n, 'Error'],
  'an object whose toString throws': [() => ({ toString: refuse('toString') }), 'Error'],
  'a revoked proxy': [revoked, 'Error'],
  'an error whose message throws': [bad(() => ({ message: { get: refuse('message') } })), 'Error'],
  'an error whose name throws': [bad(() => ({ name: { get: refuse('name') } })), 'Error'],
  'an error whose stack throws': [bad(() => ({ stack: { get: refuse('stack') } })), 'Error'],
  'an error without a class': [() => Object.setPrototypeOf(new Error('m'), Object.create(null)), 'Error'],
  'an error that is all poison': [
    bad(() => ({ name: { value: 'N\0\ud800' }, message: { value: '\0\udfff' }, stack: { value: '\0\ud800' } })),
    'N\ufffd',
  ],
  'an error that causes itself': [bad((error) => ({ cause: { value: error } })), 'Error'],
};

export const reported: Readonly<Record<string, () => unknown>> = {
  NaN: () => Number.NaN,
  undefined: () => undefined,
  'a NUL': () => '\0',
  'half of a pair': () => ['\ud83d'],
  'a cycle': () => globalThis,
  'too much': () => 'p'.repeat(4_095),
  'depth 5,000': () => nested(5_000),
  'a getter that throws': returned['a getter that throws']![0],
};
