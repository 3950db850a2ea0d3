import type { LogLevel } from '../core/observe.ts';
import { type Finish, type Finished, finishAttempts } from '../db/executions/finish.ts';
import type { Engine } from './engine.ts';

/** Writes how attempts ended, and says each of it in the log; answers those that were current, as the rest is stale. */
export async function endAttempts({ db, log }: Engine, finishes: readonly Finish[]): Promise<Finished[]> {
  const finished = await finishAttempts(db, finishes);
  const errors = new Map(finishes.map(({ id, error }) => [id, error]));
  for (const { id, state, task, queue, priority, attempt, runner, durationSeconds } of finished) {
    const error = errors.get(id);
    const members = { id, state, task, queue, priority, attempt, runner, duration_seconds: durationSeconds };
    log(levelOf(state, error), 'attempt_ended', error ? { ...members, error: JSON.parse(error).type } : members);
  }
  return finished;
}

/** What nobody will try again deserves a look. */
const levelOf = (state: Finished['state'], error: string | null | undefined): LogLevel =>
  error && state !== 'QUEUED' ? 'warn' : 'info';
