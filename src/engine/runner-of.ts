import type { RunnerName } from '../core/runner.ts';
import type { AnyTask, TaskForm } from '../core/task.ts';
import type { Engine } from './engine.ts';

/** Where a task runs in this deployment; null where it has no form that can run here. */
export function runnerOf({ settings, ray }: Engine, task: AnyTask): RunnerName | null {
  if (task.run && task.ray) return settings.runner === 'inline' || !ray ? 'inline' : ray.name;
  if (task.run) return 'inline';
  return ray ? ray.name : null;
}

/** The forms whose executions a runner claims: decided when they are claimed, so that enqueuers need not know Ray. */
export function formsOf({ settings, ray }: Engine): {
  readonly inline: readonly TaskForm[];
  readonly remote: readonly TaskForm[];
} {
  if (!ray) return { inline: ['inline', 'both'], remote: [] };
  return settings.runner === 'inline'
    ? { inline: ['inline', 'both'], remote: ['ray'] }
    : { inline: ['inline'], remote: ['ray', 'both'] };
}
