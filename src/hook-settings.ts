import { type Hook, type Hooks, isVerifier, type ServedHook } from './core/hook.ts';
import { isTask } from './core/task.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a name is of the family of hooks' secrets, whatever the hook. */
export const isHookSetting = (name: string): boolean => name.startsWith('MOBULA_HOOK_');

/** Where the secrets of a hook are: those of `stripe-live` in `MOBULA_HOOK_STRIPE_LIVE_SECRETS`. */
export const hookSetting = (hook: string): string => `MOBULA_HOOK_${hook.toUpperCase().replaceAll('-', '_')}_SECRETS`;

/** The environment without hooks' secrets, for a process that serves none and has no business with them. */
export const withoutHookSettings = (env: Environment): Environment =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !isHookSetting(name)));

const secretsOf = (hook: string, env: Environment): string[] =>
  (env[hookSetting(hook)] ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter(Boolean);

/** The hooks of a deployment with their secrets, by name. What is wrong with them `hookProblems` has told. */
export const openHooks = (hooks: Hooks, env: Environment): ReadonlyMap<string, ServedHook> =>
  new Map(Object.entries(hooks).map(([name, hook]) => [name, { ...hook, secrets: secretsOf(name, env) }]));

/** All secrets of hooks, each with the name of its setting. */
export const hookSecrets = (hooks: Hooks, env: Environment): [setting: string, secret: string][] =>
  Object.keys(hooks).flatMap((name) =>
    secretsOf(name, env).map((secret): [string, string] => [hookSetting(name), secret]),
  );

/** What is wrong with the hooks and their secrets: by name, and never a secret. */
export function hookProblems(hooks: Hooks, env: Environment): string[] {
  const isPublic = Boolean(env['MOBULA_PUBLIC_URL']?.trim());
  return Object.entries(hooks).flatMap(([name, hook]) => {
    const wrong = definitionProblem(name, hook);
    return wrong ? [`the hook ${name} ${wrong}`] : settingProblems(name, hook, { env, isPublic });
  });
}

/** Lower case with hyphens, so that no two hooks share a setting. */
const hookName = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

function definitionProblem(name: string, { task, verify, input }: Hook): string | null {
  if (!hookName.test(name) || name.length > 64) return 'must be named in lower case, with hyphens: `stripe-live`';
  if (!isTask(task)) return 'must have a task';
  if (!isVerifier(verify)) return 'must verify by standardWebhooks(), github(), qstash() or bearer()';
  return typeof input === 'function' ? null : 'must have an input, the function that makes it of the payload';
}

function settingProblems(
  name: string,
  { verify }: Hook,
  { env, isPublic }: { env: Environment; isPublic: boolean },
): string[] {
  const setting = hookSetting(name);
  const secrets = secretsOf(name, env);
  if (secrets.length === 0) return [`${setting} is required by the hook ${name}`];
  const weak = [
    ...new Set(secrets.map((secret) => verify.secretProblem(secret)).filter((problem) => problem !== null)),
  ];
  const unbound = verify.signsUrl && !isPublic;
  return [
    ...weak.map((problem) => `${setting} ${problem}`),
    ...(unbound ? [`MOBULA_PUBLIC_URL is required by the hook ${name}: its sender signs the address`] : []),
  ];
}
