import type { LogLevel } from '../core/observe.ts';
import { type Finish, type Finished, finishAttempts } from '../db/executions/finish.ts';
import type { Engine } from './engine.ts';

/** Writes how attempts ended, and says each of it in the log; answers those that were current, as the rest is stale. */
export async function endAttempts({ db, log }: Engine, finishes: readonly Finish[]): Promise<Finished[]> {
  const finished = await finishAttempts(db, finishes);
  const errors = new Map(finishes.map(({ id, error }) => [id, error]));
  for (const { durationSeconds, ...attempt } of finished) {
    const error = errors.get(attempt.id);
    log(levelOf(attempt.state, error), 'attempt_ended', {
      ...attempt,
      duration_seconds: durationSeconds,
      ...(error ? { error: JSON.parse(error).type } : {}),
    });
  }
  return finished;
}

/** What nobody will try again deserves a look. */
const levelOf = (state: Finished['state'], error: string | null | undefined): LogLevel =>
  error && state !== 'QUEUED' ? 'warn' : 'info';
