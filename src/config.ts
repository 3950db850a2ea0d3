import { MobulaError } from './core/errors.ts';
import type { Hooks } from './core/hook.ts';
import { hookProblems, hookSecrets, hookSetting } from './hook-settings.ts';
import { secretProblems } from './secret-rules.ts';
import { google, type SettingName, type Settings, settingsSchema } from './settings.ts';

const known = Object.keys(settingsSchema.shape);

/** The three that everybody names without the prefix may have it too, and then it wins. */
const prefixed: Readonly<Record<string, SettingName>> = {
  MOBULA_DATABASE_URL: 'DATABASE_URL',
  MOBULA_RAY_ADDRESS: 'RAY_ADDRESS',
  MOBULA_RAY_AUTH_TOKEN: 'RAY_AUTH_TOKEN',
};

/**
 * Reads the settings once, at the door: types and ranges first, then the rules between them. All problems are told
 * together, by name and never by value; a `MOBULA_` name that nobody reads is refused with the nearest one.
 * An empty value counts as not set; `required` are those that this caller cannot do without. Of the secrets of `hooks`
 * it says what is wrong; it does not give them.
 */
export function parseSettings(
  env: Readonly<Record<string, string | undefined>>,
  required: readonly SettingName[] = [],
  hooks: Hooks = {},
): Settings {
  const given = Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== '');
  const read = Object.fromEntries(given);
  for (const [name, value] of given) if (prefixed[name]) read[prefixed[name]] = value;

  const problems = unknownNames(
    given.map(([name]) => name),
    [...known, ...Object.keys(hooks).map(hookSetting)],
  );
  problems.push(...required.filter((name) => read[name] === undefined).map((name) => `${name} is required`));
  const parsed = settingsSchema.safeParse(read);
  if (!parsed.success)
    problems.push(...parsed.error.issues.map((issue) => `${issue.path[0]?.toString()} ${issue.message}`));
  if (parsed.success && !parsed.data.MOBULA_SKIP_VALIDATION) {
    problems.push(...contradictions(parsed.data), ...secretProblems(parsed.data, hookSecrets(hooks, read)));
    problems.push(...hookProblems(hooks, read));
  }
  if (!parsed.success || problems.length > 0) throw misconfigured(problems);
  return Object.freeze(parsed.data);
}

export const misconfigured = (problems: readonly string[]) =>
  new MobulaError('misconfigured', `The settings are wrong:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);

const neededByStore = {
  filesystem: 'MOBULA_RESULT_STORAGE_FILESYSTEM_PATH',
  s3: 'MOBULA_RESULT_STORAGE_S3_BUCKET',
  gcs: 'MOBULA_RESULT_STORAGE_GCS_BUCKET',
} as const;

/** The rules between settings. */
function contradictions(settings: Settings): string[] {
  const problems: string[] = [];
  const refuse = (wrong: boolean, problem: string) => wrong && problems.push(problem);
  const heartbeat = settings.MOBULA_WORKER_HEARTBEAT_SECONDS;
  refuse(
    heartbeat >= settings.MOBULA_WORKER_LEASE_SECONDS / 2,
    'MOBULA_WORKER_HEARTBEAT_SECONDS must be under half of MOBULA_WORKER_LEASE_SECONDS',
  );
  refuse(
    heartbeat >= settings.MOBULA_STUCK_TASK_TIMEOUT_SECONDS / 4,
    'MOBULA_WORKER_HEARTBEAT_SECONDS must be under a quarter of MOBULA_STUCK_TASK_TIMEOUT_SECONDS',
  );
  const store = settings.MOBULA_RESULT_STORAGE_BACKEND;
  const needed = store === 'digest' ? undefined : neededByStore[store];
  refuse(needed !== undefined && !settings[needed], `${needed} is required by MOBULA_RESULT_STORAGE_BACKEND=${store}`);
  refuse(
    settings.MOBULA_RUNNER === 'ray_job' && !settings.RAY_ADDRESS,
    'RAY_ADDRESS is required by MOBULA_RUNNER=ray_job',
  );
  refuse(
    settings.MOBULA_RUNNER === 'ray_core' && !settings.MOBULA_RAY_CORE_ADDRESS,
    'MOBULA_RAY_CORE_ADDRESS is required by MOBULA_RUNNER=ray_core',
  );
  problems.push(...rayContradictions(settings), ...triggerContradictions(settings));
  return problems;
}

/** A proof that is configured by halves would be one that nobody or anybody has. */
function triggerContradictions(settings: Settings): string[] {
  const problems: string[] = [];
  const refuse = (wrong: boolean, problem: string) => wrong && problems.push(problem);
  const [audiences, emails] = [settings.MOBULA_OIDC_AUDIENCE.length, settings.MOBULA_OIDC_EMAILS.length];
  refuse(
    audiences > 0 && emails === 0,
    'MOBULA_OIDC_EMAILS is required with MOBULA_OIDC_AUDIENCE: any account can get a token for it',
  );
  refuse(emails > 0 && audiences === 0, 'MOBULA_OIDC_AUDIENCE is required with MOBULA_OIDC_EMAILS');
  refuse(
    settings.MOBULA_OIDC_ISSUER !== google.issuer && settings.MOBULA_OIDC_JWKS_URL === google.keys,
    'MOBULA_OIDC_JWKS_URL is required with MOBULA_OIDC_ISSUER: keys belong to an issuer',
  );
  const [current, next] = [settings.QSTASH_CURRENT_SIGNING_KEY, settings.QSTASH_NEXT_SIGNING_KEY];
  refuse(next !== undefined && !current, 'QSTASH_CURRENT_SIGNING_KEY is required with QSTASH_NEXT_SIGNING_KEY');
  refuse(
    current !== undefined && !settings.MOBULA_PUBLIC_URL,
    'MOBULA_PUBLIC_URL is required with QSTASH_CURRENT_SIGNING_KEY: QStash signs the address',
  );
  const isChained = settings.MOBULA_SELF_CHAIN > 0;
  refuse(
    isChained && !settings.MOBULA_PUBLIC_URL,
    'MOBULA_PUBLIC_URL is required with MOBULA_SELF_CHAIN: it is called',
  );
  refuse(
    isChained && settings.MOBULA_SECRET.length === 0,
    'MOBULA_SECRET is required with MOBULA_SELF_CHAIN: it signs',
  );
  return problems;
}

function rayContradictions(settings: Settings): string[] {
  const { RAY_ADDRESS: jobs, MOBULA_RAY_CORE_ADDRESS: core } = settings;
  const named = jobs ? 'RAY_ADDRESS' : 'MOBULA_RAY_CORE_ADDRESS';
  if (!jobs && !core) return [];
  const problems: string[] = [];
  if (!settings.MOBULA_PUBLIC_URL) problems.push(`MOBULA_PUBLIC_URL is required with ${named}: drivers report to it`);
  if (settings.MOBULA_SECRET.length === 0) {
    problems.push(`MOBULA_SECRET is required with ${named}: it signs what drivers prove themselves with`);
  }
  if (settings.MOBULA_ALLOW_INSECURE_RAY) return problems;
  if (jobs && isPlain(jobs)) problems.push(insecure('RAY_ADDRESS is plain http to another host'));
  if (core && isPlain(core)) problems.push(insecure('MOBULA_RAY_CORE_ADDRESS is plain http to another host'));
  if (jobs && !isLoopback(new URL(jobs).hostname) && !settings.RAY_AUTH_TOKEN)
    problems.push(insecure('RAY_AUTH_TOKEN is not set for a Ray on another host'));
  return problems;
}

function isPlain(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !isLoopback(hostname);
}

const insecure = (what: string) => `${what}; MOBULA_ALLOW_INSECURE_RAY=1 would allow it`;

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);

function unknownNames(names: readonly string[], known: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith('MOBULA_') && !name.startsWith('MOBULA_TEST_'))
    .filter((name) => !known.includes(name) && !prefixed[name])
    .map((name) => `${name} is not a setting; did you mean ${nearest(name, known)}?`);
}

const nearest = (name: string, known: readonly string[]): string =>
  known.toSorted((a, b) => distance(name, a) - distance(name, b))[0] ?? '';

/** Levenshtein's distance, by rows. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
