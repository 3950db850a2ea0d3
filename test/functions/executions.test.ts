import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enqueue, expectProblem, look, makeDue, useFresh } from '../support/fresh.ts';
import { gate, mended, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const nobody = '00000000-0000-7000-8000-000000000000';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mobula-results-'));
});
afterAll(() => rm(folder, { recursive: true }));

const small = { MOBULA_MAX_RESULT_SIZE_BYTES: '1024' };
const filesystem = () => ({
  ...small,
  MOBULA_RESULT_STORAGE_BACKEND: 'filesystem',
  MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder,
});

/** A text whose JSON is of this many bytes. */
const textOf = (bytes: number) => 'ä'.repeat((bytes - 2) / 2);

async function store(app: ReturnType<typeof fresh.make>, value: unknown): Promise<string> {
  const { id } = await enqueue(app, 'note', { value });
  await app.call('POST', '/run', {});
  return id;
}

describe('GET /executions/:id', () => {
  test('has every attempt, oldest first, with its times, runner, state and error', async () => {
    const app = fresh.make();
    mended.yet = false;
    const { id } = await enqueue(app, 'mendable', {});
    await app.call('POST', '/run', {});
    mended.yet = true;
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    const { attempts, ...task } = await look(app, id);
    expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 2, error: null, result: 'mended' });
    const inline = { runner: 'inline', ray_job_id: null };
    expect(attempts).toEqual([
      { attempt: 1, state: 'FAILED', ...inline, ...times, error: expect.objectContaining({ type: 'TypeError' }) },
      { attempt: 2, state: 'SUCCEEDED', ...inline, ...times, error: null },
    ]);
    expect(task.attempt).toBe(attempts.length);
  });

  const times = { claimed_at: expect.any(String), begun_at: expect.any(String), ended_at: expect.any(String) };

  test('has the one that runs, without an end', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'held', {});
    const running = app.call('POST', '/run', {});
    await expect
      .poll(async () => (await look(app, id)).attempts)
      .toMatchObject([{ attempt: 1, state: 'RUNNING', ended_at: null }]);
    gate.open();
    await running;
  });

  test('has none before the first', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    expect((await look(app, id)).attempts).toEqual([]);
  });

  test.each([nobody, 'stats-of-nothing', 'x'.repeat(10_000), '%00'])('does not know %.40s', async (id) => {
    expectProblem(await fresh.make().call('GET', `/executions/${id}`), 404, 'execution_not_found');
  });
});

describe('GET /executions/:id/result', () => {
  test.each([
    ['a list', [1, { two: null }]],
    ['null', null],
    ['a text', 'ä'],
  ])('is the value itself: %s', async (_, value) => {
    const app = fresh.make();
    const answer = await app.call('GET', `/executions/${await store(app, value)}/result`);
    expect([answer.status, answer.headers.get('content-type'), answer.text]).toEqual([
      200,
      'application/json',
      JSON.stringify(value),
    ]);
  });

  test('is 409 while there is none yet, and after a failure', async () => {
    const app = fresh.make();
    const waiting = await enqueue(app, 'note', { value: 1 }, { delay_seconds: 60 });
    expectProblem(await app.call('GET', `/executions/${waiting.id}/result`), 409, 'not_finished');
    const failing = await enqueue(app, 'fail', {}, { max_attempts: 1 });
    await app.call('POST', '/run', {});
    expectProblem(await app.call('GET', `/executions/${failing.id}/result`), 409, 'execution_failed');
  });

  test.each(['CANCELLED', 'LOST', 'EXPIRED'])('is 409 for ever where the end was %s', async (state) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    await fresh.sql(
      `update mobula.executions set state = $2::mobula.execution_state, ready = false, finished_at = now() where id = $1`,
      [id, state],
    );
    expectProblem(await app.call('GET', `/executions/${id}/result`), 409, 'execution_failed');
  });

  test('is up to the threshold in the row, and by reference beyond it', async () => {
    const app = fresh.make({ env: filesystem() });
    const inline = await look(app, await store(app, textOf(1_024)));
    expect(inline).toMatchObject({ result_state: 'inline', result_bytes: 1_024, result_reference: null });
    const stored = await look(app, await store(app, textOf(1_026)));
    expect(stored).toMatchObject({
      result_state: 'stored',
      result_bytes: 1_026,
      result_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const { result_sha256: sha } = stored;
    expect(stored.result_reference).toBe(
      `resultfs://sha256/${sha}?rel=${sha.slice(0, 2)}/${sha.slice(2, 4)}/${sha}.json&bytes=1026`,
    );
    expect(stored).not.toHaveProperty('result');
    const answer = await app.call('GET', `/executions/${stored.id}/result`);
    expect([answer.status, answer.text]).toEqual([200, JSON.stringify(textOf(1_026))]);
  });

  test('is 410 with length and digest where only those were kept', async () => {
    const app = fresh.make({ env: small });
    const id = await store(app, textOf(2_000));
    const task = await look(app, id);
    expect(task).toMatchObject({ state: 'SUCCEEDED', result_state: 'digest_only', result_bytes: 2_000 });
    expect(task.result_reference).toBe(`oversize://sha256/${task.result_sha256}?bytes=2000`);
    const answer = await app.call('GET', `/executions/${id}/result`);
    expectProblem(answer, 410, 'digest_only');
    expect(answer.body).toMatchObject({ sha256: task.result_sha256, bytes: 2_000 });
  });

  test.each([
    ['is gone', (path: string) => rm(path)],
    ['was cut short', (path: string) => truncate(path, 10)],
    ['holds other bytes', (path: string) => writeFile(path, JSON.stringify('o'.repeat(2_998)))],
  ])('is 503, and never another value, where the object %s', async (_, harm) => {
    const app = fresh.make({ env: filesystem() });
    const id = await store(app, textOf(3_000));
    const { result_sha256: sha } = await look(app, id);
    await harm(join(folder, sha.slice(0, 2), sha.slice(2, 4), `${sha}.json`));
    const answer = await app.call('GET', `/executions/${id}/result`);
    expectProblem(answer, 503, 'result_unavailable');
    expect(answer.headers.get('retry-after')).not.toBeNull();
    await rm(join(folder, sha.slice(0, 2)), { recursive: true });
  });

  test('goes with its last execution when that is purged, and not before', async () => {
    const app = fresh.make({ env: filesystem() });
    const value = textOf(4_000);
    const first = await store(app, value);
    const { result_sha256: sha } = await look(app, first);
    const there = async () => (await readdir(join(folder, sha.slice(0, 2), sha.slice(2, 4)))).includes(`${sha}.json`);
    const second = await store(app, value);
    await fresh.sql(`update mobula.executions set finished_at = now() - interval '10 days' where id = $1`, [first]);
    expect((await app.call('POST', '/purge', {})).body).toMatchObject({ deleted: 1, results_deleted: 0 });
    expect((await app.call('GET', `/executions/${second}/result`)).status).toBe(200);
    expect((await app.call('POST', '/purge', { days: 0 })).body).toMatchObject({ deleted: 1, results_deleted: 1 });
    expect(await there()).toBe(false);
  });

  test('is for the holder of the status token too, and of no other', async () => {
    const app = fresh.make();
    const [one, two] = (
      await app.call('POST', '/tasks/batch', { tasks: [1, 2].map((value) => ({ task: 'note', input: { value } })) })
    ).body.tasks;
    await app.call('POST', '/run', {});
    const path = `/executions/${one.task.id}/result`;
    expect((await app.call('GET', path, undefined, { token: one.status_token })).text).toBe('1');
    expectProblem(await app.call('GET', path, undefined, { token: two.status_token }), 403, 'forbidden');
    expectProblem(await app.call('GET', path, undefined, { token: 'trigger' }), 403, 'forbidden');
  });

  test.each([nobody, 'nothing'])('does not know %s', async (id) => {
    expectProblem(await fresh.make().call('GET', `/executions/${id}/result`), 404, 'execution_not_found');
  });
});
