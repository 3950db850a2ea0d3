import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Book } from './book.ts';
import { makeDecisions } from './decisions.ts';
import type { Dice } from './dice.ts';

/** So many that no number of faults uses them up: only a lost execution can fail. */
const maxAttempts = 50;

type Operation = () => Promise<unknown>;

const times = <Made>(count: number, make: () => Made): Made[] => Array.from({ length: count }, make);

/** What callers do: all that the API has for them. */
export function makeOperations(
  book: Book,
  dice: Dice,
  stopped: AbortSignal,
): { any: Operation; seeThroughOnRay: Operation } {
  const wish = (task: string, msMost: number) => ({
    task,
    input: { ms: Math.round(dice.between(0, msMost)), failures: dice.roll() < 0.1 ? 1 : 0 },
    max_attempts: maxAttempts,
  });

  /** Until it is acknowledged, under one key; answers the last id, none where we were stopped. */
  async function enqueue(name: string, path: string, body: object): Promise<string | undefined> {
    const headers = { 'idempotency-key': randomUUID() };
    while (!stopped.aborted) {
      const heard = await book.ask(name, 'POST', path, { body, headers });
      if (heard && heard.status < 300) {
        const ids: string[] = (heard.json.tasks ?? [heard.json]).map(({ task }: { task: { id: string } }) => task.id);
        book.acknowledged.push(...ids);
        return ids.at(-1);
      }
      await sleep(200);
    }
    return undefined;
  }

  const onRecent = (act: (id: string) => Promise<unknown>) => async () => {
    const id = book.acknowledged.at(-Math.ceil(dice.between(0, 40)));
    if (id !== undefined) await act(id);
  };

  const { cancel, retry } = makeDecisions(book);

  const operations: readonly Operation[] = [
    () => enqueue('enqueue', '/tasks', wish('inline', 300)),
    () => enqueue('enqueue', '/tasks', wish('inline', 300)),
    () =>
      enqueue('enqueue, delayed', '/tasks', { ...wish('inline', 50), delay_seconds: dice.between(0, 3), priority: 5 }),
    () => enqueue('enqueue a batch', '/tasks/batch', { tasks: times(5, () => wish('inline', 30)) }),
    onRecent((id) => book.ask('read', 'GET', `/executions/${id}`)),
    onRecent((id) => book.ask('wait for', 'GET', `/status/${id}?wait=1`)),
    onRecent((id) => book.ask('execute', 'POST', `/execute/${id}`, { body: {} })),
    onRecent(async (id) => dice.roll() < 0.3 && cancel(id)),
    onRecent(async (id) => dice.roll() < 0.3 && retry(id)),
    () => book.ask('run-one', 'POST', '/run-one', { body: {} }),
    () => book.ask('list', 'GET', '/executions?limit=20'),
    () => book.ask('stats', 'GET', '/executions/stats'),
  ];
  return {
    any: () => dice.pick(operations)(),
    seeThroughOnRay,
  };

  /** One after the other, so that Ray has no more to do than it can: a job takes seconds of a small machine. */
  async function seeThroughOnRay(): Promise<void> {
    const id = await dice.pick([
      () => enqueue('enqueue on Ray', '/tasks', wish('on_ray', 3_000)),
      () => enqueue('enqueue on Ray', '/tasks', wish('idempotent_on_ray', 3_000)),
      () => enqueue('enqueue for a shared job', '/tasks/batch', { tasks: times(3, () => wish('in_company', 1_000)) }),
    ])();
    for (let isFinal = false; id !== undefined && !isFinal && !stopped.aborted; ) {
      const heard = await book.ask('wait for', 'GET', `/status/${id}?wait=5`);
      isFinal = heard?.json?.task?.finished_at != null;
      if (heard?.status !== 200) await sleep(500);
    }
  }
}
