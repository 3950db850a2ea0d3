import type { Enqueued } from './api.ts';
import { driveAll } from './driving.ts';
import { showFailure, showLargeResult, showOutcomes } from './outcomes.ts';
import { fold, heading, shorten, tell, tellTable, toText } from './say.ts';
import type { Scene } from './scene.ts';
import { wishes } from './wishes.ts';

/** The demo once its parts are there: enqueue, drive, look; every outcome is checked. */
export async function tellStory(scene: Scene): Promise<void> {
  const enqueued = await enqueueAll(scene);
  const killed = await driveAll(scene, enqueued);
  const tasks = await Promise.all(enqueued.map(({ task }) => scene.api.execution(task.id)));
  showOutcomes(scene, tasks, killed);
  showFailure(scene, tasks);
  await showLargeResult(scene, enqueued, tasks);
  await showEmptyRun(scene);
}

async function enqueueAll({ api, checks }: Scene): Promise<Enqueued[]> {
  heading(`2. Enqueue ${wishes.length} tasks: POST /tasks`);
  const enqueued: Enqueued[] = [];
  for (const { isAsExpected: _, ...wish } of wishes) enqueued.push(await api.enqueue(wish));
  tellTable(enqueued.map(({ task }, index) => [task.task, task.id, shorten(toText(wishes[index]?.input), 50)]));
  tell('\nEach is a row in Postgres now. Nothing runs yet: there is no worker that waits for them.');
  checks.expect(
    'every task waits',
    enqueued.every(({ task }) => task.state === 'QUEUED' && task.attempt === 0),
  );
  return enqueued;
}

async function showEmptyRun({ api, checks }: Scene): Promise<void> {
  heading('7. And when there is nothing to do: POST /run');
  const startedAt = performance.now();
  const answer = await api.run();
  tell(`It answers in ${Math.ceil(performance.now() - startedAt)} ms, and is ready for the next minute:\n`);
  tell(fold(toText(answer), 100));
  checks.expect('the last /run had nothing to do', answer.processed === 0 && answer.completed === 0);
}
