import { sha256Hex } from '../../src/core/sha256.ts';
import type { Attempt, Enqueued, Task } from './api.ts';
import { fold, heading, reasonOf, shorten, tell, tellTable, thousands, toText } from './say.ts';
import type { Scene } from './scene.ts';
import { crashing, failing, large, largeCharacters, wishes } from './wishes.ts';

/** Chapter 4: every execution with its attempts, as an operator sees it. */
export function showOutcomes({ parts, checks }: Scene, tasks: readonly Task[], killed: boolean): void {
  heading('4. What came of them: GET /executions/:id');
  tellTable([
    ['task', 'state', parts.ray ? 'Ray job of each attempt' : 'attempt', 'came to'],
    ...tasks.flatMap(rowsOf),
  ]);
  for (const [index, task] of tasks.entries()) {
    checks.expect(`${task.task} came to what it should`, wishes[index]?.isAsExpected(task) === true);
    if (parts.ray) checks.expect(`${task.task} ran on Ray, each attempt as a job of its own`, hasOwnJobs(task));
  }
  if (!killed) return;
  const crashed = tasks.find(({ task }) => task === crashing);
  checks.expect(`${crashing} succeeded at its second attempt`, crashed?.attempt === 2);
  tell(
    `\n${crashing} was lost with its process, and ran again. Each job's id is chosen before Ray is asked to run it,`,
  );
  tell('so that an attempt whose answer got lost is looked up, and never started twice.');
}

function rowsOf(task: Task): string[][] {
  const last = task.attempts?.length ?? 0;
  return (task.attempts ?? []).map((attempt, index) => [
    index === 0 ? task.task : '',
    index === 0 ? task.state : '',
    attempt.ray_job_id ?? `attempt ${attempt.attempt}`,
    cameTo(task, attempt, index === last - 1),
  ]);
}

function cameTo(task: Task, { error }: Attempt, isLast: boolean): string {
  if (error) return reasonOf(error, 48);
  if (!isLast) return '';
  return task.result_state === 'stored'
    ? `${thousands(task.result_bytes ?? 0)} bytes, see below`
    : shorten(toText(task.result), 48);
}

function hasOwnJobs({ attempt, attempts = [] }: Task): boolean {
  const jobs = new Set(attempts.map(({ ray_job_id }) => ray_job_id));
  return jobs.size === attempt && !jobs.has(null);
}

/** Chapter 5: an exception, as it reaches the one who may read it. */
export function showFailure({ parts, checks }: Scene, tasks: readonly Task[]): void {
  const task = tasks.find((one) => one.task === failing);
  heading(`5. The one that failed: ${failing}`);
  tell(`It was tried ${task?.attempt} times, as it was asked for (max_attempts), and its last attempt left:\n`);
  for (const line of readable(task?.error?.traceback).split('\n')) tell(`  ${line}`);
  checks.expect('the exception has its type', task?.error?.type === (parts.ray ? 'ValueError' : 'Error'));
  checks.expect('the exception has its traceback', task?.error?.traceback?.includes('no such dataset') === true);
}

/** Without the long way to where Ray unpacks what it is sent, or to this clone. */
const readable = (traceback = ''): string =>
  traceback.trimEnd().replaceAll(/(["(]|file:\/\/)\/\S*?\/(mobula_driver|examples|src)\//g, '$1…/$2/');

/** Chapter 6: a value that is too large for a row. */
export async function showLargeResult(
  { api, checks }: Scene,
  enqueued: readonly Enqueued[],
  tasks: readonly Task[],
): Promise<void> {
  const index = tasks.findIndex(({ task }) => task === large);
  const [task, ticket] = [tasks[index], enqueued[index]];
  heading('6. The large result: GET /executions/:id/result');
  if (!task || !ticket) return checks.expect(`${large} is there`, false);
  const bytes = await api.result(ticket);
  const sha256 = await sha256Hex(bytes);
  const isWhole = bytes.length === largeCharacters + 2 && sha256 === task.result_sha256;
  tell(`${large} made more than the 1,048,576 bytes that a row takes. The row has this in its place:\n`);
  tellTable([
    ...fold(task.result_reference ?? '', 100)
      .split('\n')
      .map((line, row) => [row === 0 ? 'reference' : '', line]),
    ['bytes', thousands(task.result_bytes ?? 0)],
    ['sha256', task.result_sha256 ?? ''],
  ]);
  tell(
    `\nRead back: ${thousands(bytes.length)} bytes. Their SHA-256, computed by this demo, is ${isWhole ? 'the same' : sha256}.`,
  );
  checks.expect('the large result came back whole', isWhole);
  checks.expect('the large result is what the task made', isLetters(bytes));
}

/** Whether it is the JSON of a string of nothing but `x`. */
const isLetters = (bytes: Uint8Array): boolean => {
  const text = new TextDecoder().decode(bytes);
  return text === `"${'x'.repeat(largeCharacters)}"`;
};
