import { expect, test } from 'vitest';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
type App = ReturnType<typeof fresh.make>;
type Task = Readonly<Record<string, unknown>> & { readonly id: string };

const anyQueue = { env: { MOBULA_QUEUES: '*' } };
const list = (app: App, query: Readonly<Record<string, string>> = {}) =>
  app.call('GET', `/executions?${new URLSearchParams(query)}`);
const idsOf = async (app: App, query: Readonly<Record<string, string>> = {}): Promise<string[]> => {
  const { status, body, text } = await list(app, query);
  expect(status, text).toBe(200);
  return body.executions.map(({ id }: Task) => id);
};

async function enqueueMany(app: App, count: number): Promise<string[]> {
  const wishes = Array.from({ length: count }, (_, value) => ({ task: 'note', input: { value } }));
  const { body } = await app.call('POST', '/tasks/batch', { tasks: wishes });
  return body.tasks.map(({ task }: { task: Task }) => task.id);
}

const putInState = (id: string, state: string) =>
  fresh.sql(
    `update mobula.executions set state = $2::mobula.execution_state, ready = $2 = 'QUEUED', attempt = 1, runner = 'inline',
       claimed_at = now(), check_at = now(),
       finished_at = case when $2 in ('QUEUED', 'RUNNING', 'CANCELLING') then null else now() end where id = $1`,
    [id, state],
  );

test('executions are listed newest first, fifty at a time, each as its task object', async () => {
  const app = fresh.make();
  const ids = await enqueueMany(app, 52);
  await app.call('POST', '/run', { max_tasks: 1 });
  const { body } = await list(app);
  expect(body.executions.map(({ id }: Task) => id)).toEqual(ids.toReversed().slice(0, 50));
  expect(Object.keys(body)).toEqual(['executions', 'next_cursor']);
  const rest = await list(app, { cursor: body.next_cursor });
  expect(rest.body).toMatchObject({ executions: [{ id: ids[1] }, { id: ids[0] }], next_cursor: null });
  expect(rest.body.executions[1]).toEqual((await app.call('GET', `/status/${ids[0]}`)).body.task);
});

test('an empty list is a list, without a cursor', async () => {
  expect((await list(fresh.make())).body).toEqual({ executions: [], next_cursor: null });
});

test('the last page has no cursor, also where it is full', async () => {
  const app = fresh.make();
  const ids = await enqueueMany(app, 4);
  const first = await list(app, { limit: '2' });
  expect(first.body.next_cursor).not.toBeNull();
  const second = await list(app, { limit: '2', cursor: first.body.next_cursor });
  expect(second.body).toMatchObject({ executions: [{ id: ids[1] }, { id: ids[0] }], next_cursor: null });
});

test('pages show each once, while new ones arrive and others go', async () => {
  const app = fresh.make();
  const ids = await enqueueMany(app, 23);
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await list(app, cursor ? { limit: '5', cursor } : { limit: '5' });
    seen.push(...body.executions.map(({ id }: Task) => id));
    cursor = body.next_cursor;
    await enqueueMany(app, 3);
    // The very one that the cursor names may be gone; the next page starts where it was.
    await fresh.sql('delete from mobula.executions where id = $1', [seen.at(-1)]);
  }
  expect(seen).toEqual(ids.toReversed());
});

const states = ['QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'];

test('the filters state and status let through what they say, and both together what both say', async () => {
  const app = fresh.make();
  const ids = await enqueueMany(app, states.length);
  for (const [index, state] of states.entries()) await putInState(ids[index]!, state);
  const of = (...names: string[]) => names.map((name) => ids[states.indexOf(name)]);
  for (const state of states) expect(await idsOf(app, { state })).toEqual(of(state));
  expect(await idsOf(app, { status: 'READY' })).toEqual(of('QUEUED'));
  expect(await idsOf(app, { status: 'RUNNING' })).toEqual(of('CANCELLING', 'RUNNING'));
  expect(await idsOf(app, { status: 'SUCCESSFUL' })).toEqual(of('SUCCEEDED'));
  expect(await idsOf(app, { status: 'FAILED' })).toEqual(of('EXPIRED', 'LOST', 'CANCELLED', 'FAILED'));
  expect(await idsOf(app, { status: 'FAILED', state: 'LOST' })).toEqual(of('LOST'));
  expect(await idsOf(app, { status: 'READY', state: 'LOST' })).toEqual([]);
});

test('the filters queue_name and task let through what they name', async () => {
  const app = fresh.make(anyQueue);
  const mail = await enqueue(app, 'note', { value: 1 }, { queue_name: 'mail & more' });
  const fail = await enqueue(app, 'fail', {});
  expect(await idsOf(app, { queue_name: 'mail & more' })).toEqual([mail.id]);
  expect(await idsOf(app, { task: 'fail' })).toEqual([fail.id]);
  expect(await idsOf(app, { task: 'fail', queue_name: 'mail & more' })).toEqual([]);
  expect(await idsOf(app, { task: 'a task of last year' })).toEqual([]);
});

test('the filters created_after and created_before take any time zone', async () => {
  const app = fresh.make();
  const [old, young] = await enqueueMany(app, 2);
  await fresh.sql(`update mobula.executions set enqueued_at = '2024-05-01T12:00:00Z' where id = $1`, [old]);
  await fresh.sql(`update mobula.executions set enqueued_at = '2024-05-01T14:00:00Z' where id = $1`, [young]);
  expect(await idsOf(app, { created_after: '2024-05-01T15:00:00+02:00' })).toEqual([young]);
  expect(await idsOf(app, { created_before: '2024-05-01T13:00:00Z' })).toEqual([old]);
  expect(await idsOf(app, { created_after: '2024-05-01T12:00:00Z', created_before: '2024-05-01T14:00:00Z' })).toEqual(
    [],
  );
});

test.each([
  ['limit', '0'],
  ['limit', '101'],
  ['limit', '-1'],
  ['limit', '1.5'],
  ['limit', 'many'],
  ['state', 'queued'],
  ['state', 'READY'],
  ['status', 'SUCCEEDED'],
  ['created_after', 'yesterday'],
  ['created_after', '2024-05-01'],
  ['created_before', '2024-05-01T12:00:00'],
  ['created_before', '2024-02-30T12:00:00Z'],
  ['cursor', 'garbage'],
  ['cursor', '.'],
  ['cursor', 'x'.repeat(5_000)],
  ['cursor', "0' or 1=1.00000000-0000-7000-8000-000000000000"],
])('%s=%.50s is refused by its name', async (field, value) => {
  expectProblem(await list(fresh.make(), { [field]: value }), 422, 'invalid_request', field);
});

test('a filter that there is not is refused by its name', async () => {
  expectProblem(await list(fresh.make(), { queue: 'default' }), 422, 'unknown_field', 'queue');
});

test('the limits 1 and 100 are taken', async () => {
  const app = fresh.make();
  await enqueueMany(app, 101);
  expect(await idsOf(app, { limit: '1' })).toHaveLength(1);
  expect(await idsOf(app, { limit: '100' })).toHaveLength(100);
});

test('a cursor is good for the filters it came with, whatever the limit, and for no others', async () => {
  const app = fresh.make();
  const ids = await enqueueMany(app, 5);
  const filters = { state: 'QUEUED', created_after: '2020-01-01T00:00:00Z' };
  const { next_cursor: cursor } = (await list(app, { ...filters, limit: '2' })).body;
  expect(await idsOf(app, { ...filters, limit: '100', cursor })).toEqual(ids.slice(0, 3).toReversed());
  for (const others of [
    {},
    { ...filters, task: 'note' },
    { ...filters, queue_name: 'default' },
    { ...filters, state: 'FAILED' },
    { ...filters, created_after: '2020-01-01T00:00:01Z' },
    { ...filters, created_before: '2090-01-01T00:00:00Z' },
  ]) {
    expectProblem(await list(app, { ...others, cursor }), 422, 'invalid_request', 'cursor');
  }
  for (const mangled of [`${cursor}.x`, `${cursor}0`, cursor.slice(1), cursor.toUpperCase()]) {
    expectProblem(await list(app, { ...filters, cursor: mangled }), 422, 'invalid_request', 'cursor');
  }
});

test.each(['trigger', 'enqueue'])('the scope %s may not list', async (token) => {
  expectProblem(await fresh.make().call('GET', '/executions', undefined, { token }), 403, 'forbidden');
});

test('the scope read may, and nobody without proof', async () => {
  const app = fresh.make();
  expect((await app.call('GET', '/executions', undefined, { token: 'read' })).status).toBe(200);
  expectProblem(await app.call('GET', '/executions', undefined, { token: null }), 401, 'unauthenticated');
});
