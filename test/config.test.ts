import { describe, expect, test } from 'vitest';
import { parseSettings } from '../src/config.ts';
import { MobulaError } from '../src/core/errors.ts';
import type { SettingName } from '../src/settings.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What a refusal says, line by line; empty where the settings are taken. */
function problemsOf(env: Env): string[] {
  try {
    parseSettings(env);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(MobulaError);
    expect((error as MobulaError).code).toBe('misconfigured');
    return (error as MobulaError).message.split('\n').slice(1);
  }
}

const localRay = {
  RAY_ADDRESS: 'http://127.0.0.1:8265',
  MOBULA_PUBLIC_URL: 'https://app.example',
  MOBULA_SECRET: 's'.repeat(32),
};
const remoteRay = { ...localRay, RAY_ADDRESS: 'https://ray.example', RAY_AUTH_TOKEN: 't' };

describe('settings that nobody sets', () => {
  const settings = parseSettings({});

  test.each<[SettingName, unknown]>([
    ['DATABASE_URL', undefined],
    ['RAY_ADDRESS', undefined],
    ['MOBULA_RAY_HEADERS', {}],
    ['MOBULA_RAY_RUNTIME_ENV', {}],
    ['MOBULA_ALLOW_INSECURE_RAY', false],
    ['MOBULA_RUNNER', undefined],
    ['MOBULA_SECRET', []],
    ['MOBULA_TRIGGER_TOKENS', []],
    ['MOBULA_DEFAULT_CONCURRENCY', 10],
    ['MOBULA_MAX_TASK_ATTEMPTS', 3],
    ['MOBULA_RETRY_BACKOFF_SECONDS', 60],
    ['MOBULA_RETRY_JITTER', 0.2],
    ['MOBULA_RETRY_EXCEPTION_DENYLIST', []],
    ['MOBULA_TASK_TIMEOUT_SECONDS', null],
    ['MOBULA_START_TIMEOUT_SECONDS', 900],
    ['MOBULA_QUEUE_TIMEOUT_SECONDS', 86_400],
    ['MOBULA_STUCK_TASK_TIMEOUT_SECONDS', 300],
    ['MOBULA_RESULT_GRACE_SECONDS', 30],
    ['MOBULA_WORKER_LEASE_SECONDS', 60],
    ['MOBULA_WORKER_HEARTBEAT_SECONDS', 15],
    ['MOBULA_MAX_RESULT_SIZE_BYTES', 1_048_576],
    ['MOBULA_RESULT_STORAGE_BACKEND', 'digest'],
    ['MOBULA_QUEUES', ['default']],
    ['MOBULA_MAX_INPUT_BYTES', 1_048_576],
    ['MOBULA_REDACT_PATTERNS', []],
    ['MOBULA_SKIP_VALIDATION', false],
  ])('%s is %j', (name, value) => {
    expect(settings[name]).toEqual(value);
  });

  test('are those too that are set to nothing', () => {
    expect(parseSettings({ MOBULA_DEFAULT_CONCURRENCY: '', MOBULA_QUEUES: '  ' })).toEqual(settings);
  });

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(settings)).toBe(true);
  });
});

describe('a value', () => {
  test.each<[SettingName, string, unknown]>([
    ['MOBULA_DEFAULT_CONCURRENCY', ' 25 ', 25],
    ['MOBULA_RESULT_GRACE_SECONDS', '0.25', 0.25],
    ['MOBULA_QUEUES', 'default, mail ,,', ['default', 'mail']],
    ['MOBULA_QUEUES', '*', ['*']],
    ['MOBULA_QUEUE_TIMEOUT_SECONDS', 'null', null],
    ['MOBULA_TASK_TIMEOUT_SECONDS', '3600', 3_600],
    ['MOBULA_RETRY_EXCEPTION_DENYLIST', 'ValueError,app.errors.Fatal', ['ValueError', 'app.errors.Fatal']],
    ['MOBULA_REDACT_PATTERNS', 'ssn, iban|konto', ['ssn', 'iban|konto']],
    ['MOBULA_RAY_RUNTIME_ENV', '{"env_vars":{"A":"1"}}', { env_vars: { A: '1' } }],
    ['MOBULA_RAY_HEADERS', '{"authorization":"Basic x"}', { authorization: 'Basic x' }],
    ['MOBULA_PUBLIC_URL', 'https://app.example/base/', 'https://app.example/base'],
    ['MOBULA_SKIP_VALIDATION', 'yes', true],
    ['MOBULA_SKIP_VALIDATION', 'no', false],
  ])('%s=%s is read', (name, text, value) => {
    expect(parseSettings({ [name]: text })[name]).toEqual(value);
  });

  test.each<[SettingName, readonly string[]]>([
    ['MOBULA_DEFAULT_CONCURRENCY', ['1', '1000']],
    ['MOBULA_MAX_TASK_ATTEMPTS', ['1', '100']],
    ['MOBULA_RETRY_BACKOFF_SECONDS', ['0', '3600']],
    ['MOBULA_RETRY_JITTER', ['0', '1']],
    ['MOBULA_MAX_RESULT_SIZE_BYTES', ['1024', '104857600']],
  ])('%s may be at either end of its range, %j', (name, ends) => {
    for (const end of ends) expect(problemsOf({ [name]: end })).toEqual([]);
  });

  test.each<[SettingName, string]>([
    ['MOBULA_DEFAULT_CONCURRENCY', '0'],
    ['MOBULA_DEFAULT_CONCURRENCY', '1001'],
    ['MOBULA_DEFAULT_CONCURRENCY', '2.5'],
    ['MOBULA_DEFAULT_CONCURRENCY', 'ten'],
    ['MOBULA_DEFAULT_CONCURRENCY', '1e2'],
    ['MOBULA_DEFAULT_CONCURRENCY', '0x10'],
    ['MOBULA_MAX_TASK_ATTEMPTS', '0'],
    ['MOBULA_MAX_TASK_ATTEMPTS', '101'],
    ['MOBULA_RETRY_BACKOFF_SECONDS', '-1'],
    ['MOBULA_RETRY_BACKOFF_SECONDS', '3601'],
    ['MOBULA_RETRY_JITTER', '1.1'],
    ['MOBULA_REDACT_PATTERNS', 'ssn,('],
    ['MOBULA_REDACT_PATTERNS', 'x*'],
    ['MOBULA_MAX_RESULT_SIZE_BYTES', '1023'],
    ['MOBULA_MAX_RESULT_SIZE_BYTES', '104857601'],
    ['MOBULA_RESULT_STORAGE_BACKEND', 'ftp'],
    ['MOBULA_DATABASE_DRIVER', 'mysql'],
    ['MOBULA_RUNNER', 'celery'],
    ['MOBULA_PUBLIC_URL', 'app.example'],
    ['MOBULA_RAY_RUNTIME_ENV', '[1]'],
    ['MOBULA_RAY_RUNTIME_ENV', '{"a"'],
    ['MOBULA_RAY_HEADERS', '{"a":1}'],
    ['MOBULA_SECRET', 'too short'],
    ['MOBULA_SECRET', `${'s'.repeat(32)},short`],
    ['MOBULA_TRIGGER_TOKENS', `${'t'.repeat(31)}`],
    ['RAY_ADDRESS', '127.0.0.1:8265'],
  ])('%s=%s is refused by name', (name, text) => {
    const problems = problemsOf({ [name]: text });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^- ${name} (must|Invalid)`));
  });
});

describe('a refusal', () => {
  test('tells all problems together', () => {
    const problems = problemsOf({
      MOBULA_DEFAULT_CONCURRENCY: '0',
      MOBULA_RETRY_JITTER: '2',
      MOBULA_SECRET: 'short',
      MOBULA_QUEUE: 'mail',
    });
    expect(problems).toHaveLength(4);
  });

  test('never quotes a value', () => {
    const canary = 'c4nary-value';
    const problems = problemsOf({
      MOBULA_SECRET: canary,
      MOBULA_TRIGGER_TOKENS: canary,
      MOBULA_RAY_HEADERS: canary,
      RAY_ADDRESS: canary,
      MOBULA_DATABASE_DRIVER: canary,
      MOBULA_DEFAULT_CONCURRENCY: canary,
    });
    expect(problems).toHaveLength(6);
    expect(problems.join('\n')).not.toContain(canary);
  });

  test.each([
    ['MOBULA_DEFAULT_CONCURENCY', 'MOBULA_DEFAULT_CONCURRENCY'],
    ['MOBULA_QUEUE', 'MOBULA_QUEUES'],
    ['MOBULA_MAX_ATTEMPTS', 'MOBULA_MAX_TASK_ATTEMPTS'],
  ])('meets the unknown name %s with the nearest one, %s', (name, nearest) => {
    expect(problemsOf({ [name]: 'x' })).toEqual([`- ${name} is not a setting; did you mean ${nearest}?`]);
  });
});

test('names of the tests’ own, and names without the prefix, are nobody’s business', () => {
  expect(problemsOf({ MOBULA_TEST_ANYTHING: '1', PATH: '/bin', RAY_SOMETHING: '1' })).toEqual([]);
});

test('the three unprefixed names may have the prefix, which then wins', () => {
  const settings = parseSettings({ DATABASE_URL: 'postgres://one/x', MOBULA_DATABASE_URL: 'postgres://other/x' });
  expect(settings.DATABASE_URL).toBe('postgres://other/x');
});

describe('rules between settings', () => {
  test('the heartbeat is under half of the lease', () => {
    const env = { MOBULA_WORKER_LEASE_SECONDS: '10', MOBULA_WORKER_HEARTBEAT_SECONDS: '5' };
    expect(problemsOf(env)).toEqual([expect.stringContaining('under half of MOBULA_WORKER_LEASE_SECONDS')]);
    expect(problemsOf({ ...env, MOBULA_WORKER_HEARTBEAT_SECONDS: '4.9' })).toEqual([]);
  });

  test('the heartbeat is under a quarter of the stuck timeout', () => {
    const env = { MOBULA_STUCK_TASK_TIMEOUT_SECONDS: '60' };
    expect(problemsOf(env)).toEqual([expect.stringContaining('a quarter of MOBULA_STUCK_TASK_TIMEOUT_SECONDS')]);
    expect(problemsOf({ ...env, MOBULA_WORKER_HEARTBEAT_SECONDS: '14.9' })).toEqual([]);
  });

  test('the filesystem store needs its path', () => {
    const env = { MOBULA_RESULT_STORAGE_BACKEND: 'filesystem' };
    expect(problemsOf(env)).toEqual([expect.stringContaining('MOBULA_RESULT_STORAGE_FILESYSTEM_PATH is required')]);
    expect(problemsOf({ ...env, MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: '/srv/results' })).toEqual([]);
  });

  test('the Ray runner needs a Ray', () => {
    expect(problemsOf({ MOBULA_RUNNER: 'ray_job' })).toEqual([expect.stringContaining('RAY_ADDRESS is required')]);
    expect(problemsOf({ MOBULA_RUNNER: 'ray_core' })).toEqual([
      expect.stringContaining('MOBULA_RAY_CORE_ADDRESS is required'),
    ]);
  });

  test('a gateway needs what a Ray needs, and no Ray beside it', () => {
    const { RAY_ADDRESS: _address, ...local } = localRay;
    const core = { ...local, MOBULA_RAY_CORE_ADDRESS: 'http://127.0.0.1:8000/mobula/', MOBULA_RUNNER: 'ray_core' };
    expect(parseSettings(core).MOBULA_RAY_CORE_ADDRESS).toBe('http://127.0.0.1:8000/mobula');
    const { MOBULA_SECRET: _secret, ...unsigned } = core;
    expect(problemsOf(unsigned)).toEqual([expect.stringContaining('MOBULA_SECRET is required')]);
    const plain = { ...core, MOBULA_RAY_CORE_ADDRESS: 'http://ray.example:8000/mobula' };
    expect(problemsOf(plain)).toEqual([expect.stringContaining('MOBULA_RAY_CORE_ADDRESS is plain http')]);
    expect(problemsOf({ ...plain, MOBULA_ALLOW_INSECURE_RAY: '1' })).toEqual([]);
    expect(problemsOf({ ...core, MOBULA_RAY_CORE_ADDRESS: 'ray://head:10001' })).toHaveLength(1);
  });

  test('a Ray needs the address where its drivers report, and the secret that signs their proofs', () => {
    const { MOBULA_PUBLIC_URL: _url, MOBULA_SECRET: _secret, ...address } = localRay;
    expect(problemsOf(address)).toEqual([
      expect.stringContaining('MOBULA_PUBLIC_URL is required'),
      expect.stringContaining('MOBULA_SECRET is required'),
    ]);
    expect(problemsOf(localRay)).toEqual([]);
  });

  test('validation can be skipped for migrations, but not types and ranges', () => {
    const skip = { MOBULA_SKIP_VALIDATION: '1' };
    expect(problemsOf({ ...skip, MOBULA_RUNNER: 'ray_job' })).toEqual([]);
    expect(problemsOf({ ...skip, MOBULA_RETRY_JITTER: '2' })).toHaveLength(1);
  });
});

describe('the address of Ray', () => {
  test('`auto` is the local dashboard', () => {
    expect(parseSettings({ ...localRay, RAY_ADDRESS: 'auto' }).RAY_ADDRESS).toBe('http://127.0.0.1:8265');
  });

  test('may have a path prefix, and loses its last slash', () => {
    expect(parseSettings({ ...remoteRay, RAY_ADDRESS: 'https://ray.example/dash/' }).RAY_ADDRESS).toBe(
      'https://ray.example/dash',
    );
  });

  test('ray:// is refused with the reason', () => {
    const problems = problemsOf({ ...localRay, RAY_ADDRESS: 'ray://head:10001' });
    expect(problems).toEqual([expect.stringContaining('Ray Client protocol, which needs a live Python session')]);
  });

  test.each(['http://127.0.0.1:8265', 'http://localhost:8265', 'http://[::1]:8265', 'https://127.9.9.9'])(
    '%s needs no token: it is this machine',
    (address) => {
      expect(problemsOf({ ...localRay, RAY_ADDRESS: address })).toEqual([]);
    },
  );

  test.each(['http://ray.example', 'http://127.0.0.1.example', 'http://10.0.0.7:8265'])(
    '%s is refused: plain http to another host',
    (address) => {
      const problems = problemsOf({ ...remoteRay, RAY_ADDRESS: address });
      expect(problems).toEqual([expect.stringMatching(/plain http to another host.*MOBULA_ALLOW_INSECURE_RAY=1/)]);
      expect(problemsOf({ ...remoteRay, RAY_ADDRESS: address, MOBULA_ALLOW_INSECURE_RAY: '1' })).toEqual([]);
    },
  );

  test('another host without a token is refused, unless insecurity is allowed', () => {
    const { RAY_AUTH_TOKEN: _, ...env } = remoteRay;
    expect(problemsOf(env)).toEqual([expect.stringMatching(/RAY_AUTH_TOKEN is not set.*MOBULA_ALLOW_INSECURE_RAY=1/)]);
    expect(problemsOf({ ...env, MOBULA_ALLOW_INSECURE_RAY: '1' })).toEqual([]);
  });
});
