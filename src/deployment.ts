import { MobulaError } from './core/errors.ts';
import type { Hook, Hooks } from './core/hook.ts';
import { limits } from './core/limits.ts';
import { messageOf } from './core/observe.ts';
import { type Schedule, type Schedules, type ServedSchedule, serveSchedule } from './core/schedule.ts';
import { type AnyTask, isTask } from './core/task.ts';
import type { SettingName } from './settings.ts';

type Words<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalized<Tail>}`
  : Lowercase<Name>;
type Capitalized<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Capitalize<Lowercase<Head>>}${Capitalized<Tail>}`
  : Capitalize<Lowercase<Name>>;
type Unprefixed<Name extends string> = Name extends `MOBULA_${infer Rest}` ? Rest : Name;

/** Settings as a config writes them: `MOBULA_DEFAULT_CONCURRENCY` is `defaultConcurrency`. The environment wins. */
export type ConfigSettings = {
  readonly [Name in SettingName as Words<Unprefixed<Name>>]?:
    | string
    | number
    | boolean
    | readonly string[]
    | object
    | null;
};

/** A deployment: its tasks, and settings that the environment may override. */
export interface DeploymentConfig extends ConfigSettings {
  readonly tasks: readonly AnyTask[];
  /** Webhooks that enqueue: `github` is delivered to `POST /hooks/github`. */
  readonly hooks?: Hooks | undefined;
  /** Executions at the instants of a cron line; `/run` enqueues what has fallen due. */
  readonly schedules?: Schedules | undefined;
}

type TasksByName = Readonly<Record<string, AnyTask>>;

/** Types a deployment's config, the input of hooks and schedules by their tasks; the default export of `mobula.config.ts`. */
export const defineConfig = <Hooked extends TasksByName, Scheduled extends TasksByName>(
  config: DeploymentConfig & {
    readonly hooks?: { readonly [Name in keyof Hooked]: Hook<Hooked[Name]> } | undefined;
    readonly schedules?: { readonly [Name in keyof Scheduled]: Schedule<Scheduled[Name]> } | undefined;
  },
): DeploymentConfig => config;

const settingNameOf = (key: string): string => {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return unprefixed.includes(name) ? name : `MOBULA_${name}`;
};

/** Names that others have given. */
const unprefixed: readonly string[] = [
  'DATABASE_URL',
  'RAY_ADDRESS',
  'RAY_AUTH_TOKEN',
  'CRON_SECRET',
  'QSTASH_CURRENT_SIGNING_KEY',
  'QSTASH_NEXT_SIGNING_KEY',
];

/** A config's settings as the environment would spell them, under the environment itself; a blank there is no word. */
export function withEnvironment(
  { tasks: _tasks, hooks: _hooks, schedules: _schedules, ...settings }: DeploymentConfig,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const given = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [settingNameOf(key), toText(value)] as const);
  const said = Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== '');
  return { ...Object.fromEntries(given), ...Object.fromEntries(said) };
}

function toText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** The tasks of a deployment by name. What is wrong with any of them is told together, by task. */
export function indexTasks(tasks: readonly AnyTask[], queues: readonly string[] | null): ReadonlyMap<string, AnyTask> {
  const index = new Map<string, AnyTask>();
  const problems: string[] = [];
  for (const task of tasks) {
    if (index.has(task.name) && index.get(task.name) !== task) problems.push(`the task ${task.name} is defined twice`);
    if (queues && task.queueName && !queues.includes(task.queueName)) {
      problems.push(`the task ${task.name} names the queue ${task.queueName}, which MOBULA_QUEUES does not allow`);
    }
    index.set(task.name, task);
  }
  if (problems.length > 0) throw new MobulaError('misconfigured', `The tasks are wrong: ${problems.join('; ')}.`);
  return index;
}

/** Refuses a hook whose task is not the deployment's: what it enqueued would never run. */
export function checkHookTasks(hooks: Hooks, tasks: ReadonlyMap<string, AnyTask>): void {
  const lost = Object.entries(hooks).filter(([, { task }]) => tasks.get(task.name) !== task);
  const problems = lost.map(([name, { task }]) => `the hook ${name} names ${task.name}, which is not among the tasks`);
  if (problems.length > 0) throw new MobulaError('misconfigured', `The hooks are wrong: ${problems.join('; ')}.`);
}

/** The schedules of a deployment with their instants; what is wrong with any of them is told together, by name. */
export function indexSchedules(schedules: Schedules, tasks: ReadonlyMap<string, AnyTask>): ServedSchedule[] {
  const problems: string[] = [];
  const served = Object.entries(schedules).flatMap(([name, schedule]) => {
    if (!isName(name)) problems.push(`${JSON.stringify(name)} cannot name a schedule`);
    if (tasks.get(schedule.task.name) !== schedule.task) {
      problems.push(`${name} names ${schedule.task.name}, which is not among the tasks`);
    }
    try {
      return [serveSchedule(name, schedule)];
    } catch (error) {
      problems.push(`${name} ${messageOf(error)}`);
      return [];
    }
  });
  if (problems.length > 0) throw new MobulaError('misconfigured', `The schedules are wrong: ${problems.join('; ')}.`);
  return served;
}

/**
 * The tasks that a module exports, whatever their names there; a default export made by `defineConfig` counts too. There
 * is no registry: what is not exported does not run.
 */
export function tasksOf(module: Readonly<Record<string, unknown>>): AnyTask[] {
  const exported = Object.values(module).flatMap((value): readonly unknown[] =>
    isConfig(value) ? value.tasks : [value],
  );
  return [...new Set(exported.filter(isTask))];
}

export const isConfig = (value: unknown): value is DeploymentConfig =>
  typeof value === 'object' && value !== null && 'tasks' in value && Array.isArray(value.tasks);

/** Whether a name can name a task or a queue. */
export const isName = (name: unknown): name is string =>
  typeof name === 'string' &&
  name.length > 0 &&
  name.length <= limits.nameLength &&
  !/\p{Cc}/u.test(name) &&
  name.isWellFormed();
