import { describe, expect, test } from 'vitest';
import { useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const note = (value: unknown, more = {}) => ({ task: 'note', input: { value }, ...more });

test('a batch is stored whole and answered in the order asked', async () => {
  const app = fresh.make();
  const wishes = [
    note('a', { priority: 1 }),
    { task: 'fail', input: {} },
    note('c', { delay_seconds: 60, metadata: { c: 1 } }),
  ];
  const { status, body } = await app.call('POST', '/tasks/batch', { tasks: wishes }, { token: 'enqueue' });
  expect(status).toBe(201);
  expect(body.tasks).toMatchObject([
    { task: { task: 'note', priority: 1, state: 'QUEUED' } },
    { task: { task: 'fail' } },
    { task: { task: 'note', metadata: { c: 1 }, run_after: expect.any(String) } },
  ]);
  for (const { task, status_url, status_token } of body.tasks) {
    expect(new URL(status_url).pathname).toBe(`/status/${task.id}`);
    const seen = await app.call('GET', `/status/${task.id}`, undefined, { token: status_token });
    expect(seen.body.task.id).toBe(task.id);
  }
});

test('a thousand are one statement', async () => {
  const app = fresh.make();
  const wishes = Array.from({ length: 1_000 }, (_, n) => note(n));
  const { status, body } = await app.call('POST', '/tasks/batch', { tasks: wishes });
  expect([status, body.tasks.length]).toEqual([201, 1_000]);
  const [times] = await fresh.sql<{ instants: string }>(
    'select count(distinct enqueued_at) as instants from mobula.executions',
  );
  expect(times?.instants).toBe('1');
});

test('equal ones run in the order of the batch', async () => {
  const app = fresh.make({ env: { MOBULA_DEFAULT_CONCURRENCY: '1' } });
  const { body } = await app.call('POST', '/tasks/batch', { tasks: [3, 1, 2].map((value) => note(value)) });
  const ran = await app.call('POST', '/run', {});
  const ids = (list: { id: string }[]) => list.map(({ id }) => id);
  expect(ids(ran.body.tasks)).toEqual(ids(body.tasks.map(({ task }: { task: { id: string } }) => task)));
});

test('inputs and metadata stay as they were written', async () => {
  const value = '{"b":9007199254740993,"a":"ä🦈"}';
  const text = `{"tasks":[ {"input": {"value": ${value}}, "metadata": ${value}, "task":"note"} ]}`;
  const app = fresh.make();
  const answer = await app.call('POST', '/tasks/batch', text, { headers: { 'content-type': 'application/json' } });
  expect(answer.text).toContain(`"metadata":${value}`);
  const [row] = await fresh.sql<{ input: string }>('select input from mobula.inputs');
  expect(row?.input).toBe(`{"value":${value}}`);
});

describe('unique_key', () => {
  test('of two equal ones in a batch, one is stored and answers both', async () => {
    const app = fresh.make();
    const { status, body } = await app.call('POST', '/tasks/batch', {
      tasks: [note(1, { unique_key: 'k' }), note(2, { unique_key: 'k' }), note(3)],
    });
    expect(status).toBe(201);
    const [first, second, third] = body.tasks;
    expect(second.task.id).toBe(first.task.id);
    expect(third.task.id).not.toBe(first.task.id);
    expect(await fresh.sql('select 1 from mobula.executions')).toHaveLength(2);
  });

  test('one that is met comes without its token, the others with theirs', async () => {
    const app = fresh.make();
    const met = await app.call('POST', '/tasks', note(1, { unique_key: 'k' }));
    const { status, body } = await app.call('POST', '/tasks/batch', { tasks: [note(2, { unique_key: 'k' }), note(3)] });
    expect(status).toBe(201);
    expect(body.tasks).toMatchObject([
      { task: { id: met.body.task.id }, status_token: null },
      { status_token: expect.any(String) },
    ]);
  });

  test('a batch that meets others with all of its wishes stores nothing, which 200 says', async () => {
    const app = fresh.make();
    await app.call('POST', '/tasks', note(1, { unique_key: 'k' }));
    const { status } = await app.call('POST', '/tasks/batch', { tasks: [note(2, { unique_key: 'k' })] });
    expect(status).toBe(200);
  });
});
