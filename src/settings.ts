import * as z from 'zod';
import { isPattern } from './core/redact.ts';
import { resultStoreNames } from './core/result-store.ts';
import { runnerNames } from './core/runner.ts';

const text = z.string().trim().min(1);
const words = (value: string): string[] =>
  value
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
const commaList = z.string().transform(words);
const url = text.refine((value) => URL.canParse(value), 'must be a URL');

const number = (min: number, max: number) =>
  z
    .string()
    .trim()
    .regex(/^-?\d+(\.\d+)?$/, 'must be a decimal number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
const whole = (min: number, max: number) => number(min, max).pipe(z.int('must be a whole number'));
const orNull = <Schema extends z.ZodType<unknown, string>>(schema: Schema) =>
  z.union([z.literal(['null', '']).transform(() => null), schema]);

const prefix = z
  .string()
  .trim()
  .transform((value) => value.replace(/^\/+|\/+$/g, ''))
  .refine(
    (value) => /^[\w.-]+(\/[\w.-]+)*$/.test(value) && !/(^|\/)\.\.?(\/|$)/.test(value),
    'must be names with slashes between',
  )
  .default('mobula/results');

const jsonObject = z.string().transform((value, context): Record<string, unknown> => {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    // said below, with the other way of being wrong
  }
  context.addIssue({ code: 'custom', message: 'must be a JSON object' });
  return z.NEVER;
});

const tokens = commaList
  .default([])
  .refine((list) => list.every((token) => token.length >= 32), 'must have at least 32 characters in each token');
const secret = text.refine((value) => value.length >= 32, 'must have at least 32 characters').optional();
const secrets = commaList
  .default([])
  .refine(
    (list) => list.every((secret) => new TextEncoder().encode(secret).length >= 32),
    'must have at least 32 bytes in each secret',
  );
/** Who signs the tokens of Cloud Scheduler and Cloud Tasks, and where its keys are. */
export const google = {
  issuer: 'https://accounts.google.com',
  keys: 'https://www.googleapis.com/oauth2/v3/certs',
} as const;

const keysUrl = url.refine(
  (value) => value.startsWith('https:') || /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(value),
  'must be https, or on this machine',
);
const origins = commaList
  .default([])
  .refine(
    (list) => list.every((origin) => /^https?:\/\/[^*]+$/.test(origin) && URL.parse(origin)?.origin === origin),
    'must be exact origins such as https://app.example.org, without a path, a last slash or a wildcard',
  );
const rayAddress = text
  .transform((value) => (value === 'auto' ? 'http://127.0.0.1:8265' : value))
  .refine((value) => !value.startsWith('ray://'), {
    error:
      'must be the http(s) URL of the dashboard: ray:// is the Ray Client protocol, which needs a live Python session',
    abort: true,
  })
  .refine((value) => /^https?:\/\//.test(value) && URL.canParse(value), 'must be `auto` or an http(s) URL')
  .transform((value) => value.replace(/\/+$/, ''));

const httpUrl = text
  .refine((value) => /^https?:\/\//.test(value) && URL.canParse(value), 'must be an http(s) URL')
  .transform((value) => value.replace(/\/+$/, ''));

const patterns = commaList
  .default([])
  .refine((list) => list.every(isPattern), 'must be regular expressions, none of which matches an empty text');

/**
 * Every setting by its environment name, with the defaults and ranges of contract §5. `parseSettings` is the only
 * reader; names carry their units.
 */
export const settingsSchema = z.object({
  DATABASE_URL: url.optional(),
  MOBULA_DATABASE_DRIVER: z.enum(['neon-http', 'neon-ws', 'pg']).optional(),
  MOBULA_NEON_FETCH_ENDPOINT: url.optional(),
  MOBULA_NEON_WS_PROXY: url.refine((value) => /^wss?:\/\//.test(value), 'must be a ws:// or wss:// URL').optional(),
  RAY_ADDRESS: rayAddress.optional(),
  RAY_AUTH_TOKEN: text.optional(),
  MOBULA_RAY_HEADERS: jsonObject.pipe(z.record(z.string(), z.string())).default({}),
  MOBULA_RAY_RUNTIME_ENV: jsonObject.default({}),
  MOBULA_ALLOW_INSECURE_RAY: z
    .string()
    .transform((value) => value === '1')
    .default(false),
  MOBULA_RAY_CORE_ADDRESS: httpUrl.optional(),
  MOBULA_RUNNER: z.enum(runnerNames).optional(),
  MOBULA_PUBLIC_URL: url.transform((value) => value.replace(/\/+$/, '')).optional(),
  MOBULA_SECRET: secrets,
  MOBULA_TRIGGER_TOKENS: tokens,
  MOBULA_ENQUEUE_TOKENS: tokens,
  MOBULA_READ_TOKENS: tokens,
  MOBULA_ADMIN_TOKENS: tokens,
  MOBULA_OIDC_AUDIENCE: commaList.default([]),
  MOBULA_OIDC_EMAILS: commaList.default([]),
  MOBULA_OIDC_ISSUER: url.default(google.issuer),
  MOBULA_OIDC_JWKS_URL: keysUrl.default(google.keys),
  CRON_SECRET: secret,
  QSTASH_CURRENT_SIGNING_KEY: secret,
  QSTASH_NEXT_SIGNING_KEY: secret,
  MOBULA_CORS_ORIGINS: origins,
  MOBULA_DEFAULT_CONCURRENCY: whole(1, 1000).default(10),
  MOBULA_MAX_TASK_ATTEMPTS: whole(1, 100).default(3),
  MOBULA_RETRY_BACKOFF_SECONDS: number(0, 3600).default(60),
  MOBULA_RETRY_JITTER: number(0, 1).default(0.2),
  MOBULA_RETRY_EXCEPTION_DENYLIST: commaList.default([]),
  MOBULA_TASK_TIMEOUT_SECONDS: orNull(number(0.001, 31_536_000)).default(null),
  MOBULA_START_TIMEOUT_SECONDS: number(0.1, 86_400).default(900),
  MOBULA_QUEUE_TIMEOUT_SECONDS: orNull(number(0.001, 31_536_000)).default(86_400),
  MOBULA_STUCK_TASK_TIMEOUT_SECONDS: number(0.5, 86_400).default(300),
  MOBULA_RESULT_GRACE_SECONDS: number(0, 3600).default(30),
  MOBULA_WORKER_LEASE_SECONDS: number(0.5, 3600).default(60),
  MOBULA_WORKER_HEARTBEAT_SECONDS: number(0.05, 1800).default(15),
  MOBULA_SELF_CHAIN: whole(0, 1000).default(0),
  MOBULA_INVOCATION_SECONDS: number(0.1, 86_400).optional(),
  MOBULA_MAX_RESULT_SIZE_BYTES: whole(1024, 104_857_600).default(1_048_576),
  MOBULA_RESULT_STORAGE_BACKEND: z.enum(resultStoreNames).default('digest'),
  MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: text.optional(),
  MOBULA_RESULT_STORAGE_S3_BUCKET: text.optional(),
  MOBULA_RESULT_STORAGE_S3_PREFIX: prefix,
  MOBULA_RESULT_STORAGE_S3_REGION: text.optional(),
  MOBULA_RESULT_STORAGE_S3_ENDPOINT_URL: url.optional(),
  MOBULA_RESULT_STORAGE_GCS_BUCKET: text.optional(),
  MOBULA_RESULT_STORAGE_GCS_PREFIX: prefix,
  MOBULA_RESULT_STORAGE_GCS_ENDPOINT_URL: url.optional(),
  MOBULA_QUEUES: commaList.default(['default']),
  MOBULA_MAX_INPUT_BYTES: whole(1024, 104_857_600).default(1_048_576),
  MOBULA_REDACT_PATTERNS: patterns,
  MOBULA_TASKS: text.optional(),
  MOBULA_SKIP_VALIDATION: z
    .string()
    .transform((value) => ['1', 'true', 'yes'].includes(value))
    .default(false),
});

export type Settings = Readonly<z.output<typeof settingsSchema>>;
export type SettingName = keyof Settings;
