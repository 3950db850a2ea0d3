import { task } from 'mobula';
import { expect, test } from 'vitest';
import * as z from 'zod';
import type { TestEngine } from '../support/engine.ts';
import { enqueue, look, useFresh } from '../support/fresh.ts';
import { reported, returned, thrown, unawaitable } from './poison.ts';

const kind = z.object({ kind: z.string() });
const tasks = [
  task({ name: 'good', input: kind, run: () => 'well' }),
  task({ name: 'returns', input: kind, run: ({ kind: of }) => (returned[of] ?? unawaitable[of])![0]() }),
  task({
    name: 'throws',
    input: kind,
    run: ({ kind: of }) => {
      throw thrown[of]![0]();
    },
  }),
  task({ name: 'reports', input: kind, run: ({ kind: of }, { progress }) => progress(reported[of]!()) }),
  task({
    name: 'reports_and_minds',
    input: kind,
    run: ({ kind: of }, { progress }) => {
      try {
        progress(reported[of]!());
      } catch {
        progress('after all');
      }
    },
  }),
];

const fresh = useFresh(tasks);

/** Runs one task of each kind in one call, a good one after each of them, and answers how each ended, as a reader sees it. */
async function runAll(app: TestEngine, name: string, kinds: readonly string[]) {
  const wishes = kinds.flatMap((of) =>
    [name, 'good'].map((which) => ({ task: which, input: { kind: of }, max_attempts: 2 })),
  );
  const { status, body } = await app.call('POST', '/tasks/batch', { tasks: wishes });
  expect(status).toBe(201);
  const ran = await app.call('POST', '/run', {});
  expect([ran.status, ran.body.processed]).toEqual([200, wishes.length]);
  const ids: string[] = body.tasks.map(({ task: { id } }: { task: { id: string } }) => id);
  const seen = await Promise.all(ids.map((id) => look(app, id)));
  const statuses = await Promise.all(ids.map(async (id) => (await app.call('GET', `/status/${id}`)).status));
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(new Set(seen.filter((_, at) => at % 2 === 1).map(({ state, result }) => `${state} ${result}`))).toEqual(
    new Set(['SUCCEEDED well']),
  );
  return Object.fromEntries(kinds.map((of, at) => [of, seen[at * 2]]));
}

const endOf = (type: string | null) => (type === null ? ['SUCCEEDED', undefined] : ['FAILED', type]);

test('a value that cannot be stored fails its own attempt, for good, and its neighbours succeed', async () => {
  const seen = await runAll(fresh.make(), 'returns', Object.keys(returned));
  const ends = Object.entries(seen).map(([of, { state, attempt, error }]) => [of, state, error?.type, attempt]);
  expect(ends).toEqual(Object.entries(returned).map(([of, [, type]]) => [of, ...endOf(type), 1]));
});

test('a value that cannot even be awaited is a failure of the code, and is retried as one', async () => {
  const seen = await runAll(fresh.make(), 'returns', Object.keys(unawaitable));
  const ends = Object.entries(seen).map(([of, { state, error }]) => [of, state, error.type]);
  expect(ends).toEqual(Object.entries(unawaitable).map(([of, [, type]]) => [of, 'QUEUED', type]));
});

test('whatever is thrown is an error with a type and a message that can be read', async () => {
  const seen = await runAll(fresh.make(), 'throws', Object.keys(thrown));
  for (const [of, { state, error }] of Object.entries(seen)) {
    expect([of, state, error.type, error.retryable]).toEqual([of, 'QUEUED', thrown[of]![1], true]);
    expect(JSON.stringify(error)).not.toMatch(/\\u0000|\\ud[89a-f]/i);
  }
});

test('progress that cannot be stored is an error where it is reported, and costs no more than that', async () => {
  const app = fresh.make();
  const seen = await runAll(app, 'reports', Object.keys(reported));
  for (const [of, { state, progress, error }] of Object.entries(seen)) {
    expect([of, state, progress, error.type]).toEqual([
      of,
      'QUEUED',
      null,
      expect.stringMatching(/^(Type|Range)Error$/),
    ]);
  }
  const minded = await runAll(app, 'reports_and_minds', Object.keys(reported));
  for (const [of, { state, progress }] of Object.entries(minded))
    expect([of, state, progress]).toEqual([of, 'SUCCEEDED', 'after all']);
});

test('after all of it, the process has not been changed and the queue goes on', async () => {
  const app = fresh.make();
  await runAll(app, 'returns', Object.keys(returned));
  expect('polluted' in {}).toBe(false);
  const { id } = await enqueue(app, 'good', { kind: 'one more' });
  await app.call('POST', '/run', {});
  expect((await look(app, id)).state).toBe('SUCCEEDED');
  expect((await app.call('GET', '/executions?limit=100')).body.executions).toHaveLength(
    2 * Object.keys(returned).length + 1,
  );
});
