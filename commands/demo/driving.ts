import { isFinal } from '../../src/core/execution.ts';
import type { Api, Enqueued, Task } from './api.ts';
import { killAttempt } from './crash.ts';
import { startCron, wordsFor } from './cron.ts';
import type { Parts } from './parts.ts';
import { faint, heading, reasonOf, secondsSince, shorten, tell, thousands, toText } from './say.ts';
import type { Scene } from './scene.ts';
import { crashing } from './wishes.ts';

type Line = (who: string, what: string) => void;

/**
 * Chapter 3: a cron calls `/run`, a front end polls each task, a process is killed, and all of it is told as it happens.
 * Answers whether there was a process to kill.
 */
export async function driveAll(scene: Scene, enqueued: readonly Enqueued[]): Promise<boolean> {
  const { api, parts, checks, abort } = scene;
  heading('3. Drive them: POST /run every second, as a cron would, and poll GET /status, as a front end would');
  if (parts.ray) tell(`No more than ${parts.concurrency} attempts are on this small cluster at once.\n`);
  const startedAt = performance.now();
  const line: Line = (who, what) =>
    tell(`${faint(`${secondsSince(startedAt).padStart(5)} s  ${who.padEnd(11)}`)}  ${what}`);

  let runs = 0;
  let idle = 0;
  const cron = startCron(api, abort, (answer) => {
    const words = wordsFor(answer);
    runs += 1;
    if (words) line('POST /run', words);
    else if (idle++ === 0) line('POST /run', 'starts nothing new');
  });
  let killed = false;
  const watching = Promise.all(
    enqueued.map((one) => {
      return watch(api, one, (task) => {
        const words = changeOf(task);
        if (words) line('GET /status', `${task.task.padEnd(18)}  ${words}`);
        if (!killed && task.task === crashing) killed = crash(parts, task, line);
      });
    }),
  );
  await Promise.race([watching, cron.ended]); // A cron that fails must not leave us polling.
  await cron.stop();
  abort.throwIfAborted();
  tell(`\nThat was ${runs} calls of /run${idle > 0 ? `, of which ${idle} started nothing` : ''}.`);
  checks.expect('/run was called more than once', !parts.ray || runs > 1);
  return killed;
}

/** Polls one execution until it is final, and tells of each change. */
async function watch(api: Api, enqueued: Enqueued, onChange: (task: Task) => void): Promise<void> {
  let etag: string | null = null;
  for (;;) {
    const answer = await api.status(enqueued, etag, etag === null ? 0 : 10);
    if (!answer) continue;
    etag = answer.etag;
    onChange(answer.task);
    if (isFinal(answer.task.state)) return;
  }
}

/** Kills the first attempt once its code has shown that it runs; answers whether it did. */
function crash({ ray }: Parts, { id, task, attempt, progress }: Task, line: Line): boolean {
  if (!ray || attempt !== 1 || progress === null) return false;
  const pid = killAttempt(ray, id);
  if (pid === null) return false;
  line('kill -9', `${task.padEnd(18)}  its process on Ray, ${pid}, in the middle of its work`);
  return true;
}

/** What a person who waits wants to hear; null where that is nothing. */
function changeOf({ state, attempt, max_attempts, error, result, result_state, result_bytes }: Task): string | null {
  if (state === 'QUEUED' && attempt > 0) return `QUEUED again: attempt ${attempt} failed, ${reasonOf(error, 44)}`;
  if (state === 'SUCCEEDED' && result_state === 'stored')
    return `SUCCEEDED  ${thousands(result_bytes ?? 0)} bytes, stored by reference`;
  if (state === 'SUCCEEDED') return `SUCCEEDED  ${shorten(toText(result), 70)}`;
  return isFinal(state) ? `${state} after attempt ${attempt} of ${max_attempts}` : null;
}
