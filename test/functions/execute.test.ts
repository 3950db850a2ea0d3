import { beforeEach, describe, expect, test } from 'vitest';
import { enqueue, expectProblem, look, makeDue, useFresh } from '../support/fresh.ts';
import { gate, mended, noted, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
beforeEach(() => {
  mended.yet = false;
  noted.length = 0;
});

/** Puts an execution into a state that only time or a cluster would bring about. */
const put = (id: string, state: string) =>
  fresh.sql(
    `update mobula.executions set state = $2::mobula.execution_state, ready = false,
       finished_at = case when $2 in ('RUNNING', 'CANCELLING') then null else now() end,
       attempt = 1, runner = 'inline', claimed_at = now(), check_at = now() + interval '1 hour' where id = $1`,
    [id, state],
  );

describe('what it runs', () => {
  test('one that waits, to its end', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: [1, null] });
    const { status, body } = await app.call('POST', `/execute/${id}`, {}, { token: 'trigger' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      task: { id, state: 'SUCCEEDED', status: 'SUCCESSFUL', attempt: 1, result: [1, null] },
    });
  });

  test('that one, whatever is before it in line', async () => {
    const app = fresh.make();
    const first = await enqueue(app, 'note', { value: 'first' }, { priority: 100 });
    const { id } = await enqueue(app, 'note', { value: 'last' }, { priority: -100 });
    await app.call('POST', `/execute/${id}`);
    expect(noted).toEqual(['last']);
    expect((await look(app, first.id)).state).toBe('QUEUED');
    const later = await app.call('POST', '/run', {});
    expect(later.body).toMatchObject({ processed: 1, tasks: [{ id: first.id }] });
  });

  test('a failing one is 200 unless asked otherwise', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'fail', {}, { max_attempts: 1 });
    const { status, body } = await app.call('POST', `/execute/${id}`, {});
    expect(status).toBe(200);
    expect(body.task).toMatchObject({ state: 'FAILED', error: { type: 'RangeError', message: 'It cannot be.' } });
  });

  test('one that is not due only with force', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 }, { delay_seconds: 60 });
    const early = await app.call('POST', `/execute/${id}`, { allow_retry: true });
    expectProblem(early, 409, 'not_executable');
    expect(early.body).toMatchObject({ state: 'QUEUED', detail: expect.stringContaining('force') });
    expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
    const forced = await app.call('POST', `/execute/${id}`, { force: true });
    expect(forced.body.task.state).toBe('SUCCEEDED');
  });

  test('one that has fallen due before any run has noticed it', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 }, { delay_seconds: 60 });
    await makeDue(fresh, id);
    expect((await app.call('POST', `/execute/${id}`)).body.task.state).toBe('SUCCEEDED');
  });
});

describe('running again', () => {
  test.each(['FAILED', 'LOST', 'EXPIRED'])('a %s one runs again with allow_retry alone', async (state) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    await put(id, state);
    const refused = await app.call('POST', `/execute/${id}`, { force: true });
    expectProblem(refused, 409, 'not_executable');
    expect(refused.body).toMatchObject({ state, detail: expect.stringContaining('allow_retry') });
    expect(noted).toEqual([]);
    const again = await app.call('POST', `/execute/${id}`, { allow_retry: true });
    expect(again.body.task).toMatchObject({ state: 'SUCCEEDED', attempt: 2, max_attempts: 4 });
  });

  test.each(['RUNNING', 'CANCELLING', 'SUCCEEDED', 'CANCELLED'])('a %s one never does', async (state) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    await put(id, state);
    const before = await fresh.fingerprint();
    const answer = await app.call('POST', `/execute/${id}`, { allow_retry: true, force: true });
    expectProblem(answer, 409, 'not_executable');
    expect(answer.body.state).toBe(state);
    expect(await fresh.fingerprint()).toBe(before);
    expect(noted).toEqual([]);
  });

  test('a retry keeps the first started_at and the errors before it, and clears finished_at while it runs', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'mendable', {}, { max_attempts: 1 });
    await app.call('POST', `/execute/${id}`);
    const first = await look(app, id);
    await app.call('POST', `/execute/${id}`, { allow_retry: true });
    const second = await look(app, id);
    expect(second).toMatchObject({ attempt: 2, state: 'QUEUED', finished_at: null, started_at: first.started_at });
    expect(second.attempts).toMatchObject([
      { attempt: 1, state: 'FAILED', error: { type: 'TypeError', message: 'Not mended yet.' } },
      { attempt: 2, state: 'FAILED', error: { type: 'TypeError' } },
    ]);
  });

  test('a sender that redelivers on 5xx fails, is mended, and succeeds', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'mendable', {}, { max_attempts: 1 });
    const deliver = () => app.call('POST', `/execute/${id}`, { allow_retry: true, fail_on_error: true });
    expect((await deliver()).status).toBe(500);
    mended.yet = true;
    const second = await deliver();
    expect([second.status, second.body.task.result]).toEqual([200, 'mended']);
  });
});

describe('fail_on_error', () => {
  test.each([
    ['finally', 1, 'FAILED'],
    ['with another attempt to follow', 3, 'QUEUED'],
  ])('a failure %s is a 500 that carries the task', async (_, max_attempts, state) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'fail', {}, { max_attempts });
    const answer = await app.call('POST', `/execute/${id}`, { fail_on_error: true }, { token: 'trigger' });
    expectProblem(answer, 500, 'execution_failed');
    expect(answer.body.task).toMatchObject({ id, state, attempt: 1, error: { type: 'RangeError' } });
    expect(answer.text).not.toContain('traceback');
  });

  test('success is 200, also after an attempt that failed', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'mendable', {});
    await app.call('POST', `/execute/${id}`, { fail_on_error: true });
    mended.yet = true;
    const answer = await app.call('POST', `/execute/${id}`, { fail_on_error: true, force: true });
    expect([answer.status, answer.body.task.attempt, answer.body.task.error]).toEqual([200, 2, null]);
  });
});

describe('at the same moment', () => {
  test('of two calls one runs it, and the other is refused', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 'once' });
    const answers = await Promise.all([1, 2].map(() => app.call('POST', `/execute/${id}`)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect(noted).toEqual(['once']);
  });

  test('a call for what runs already is refused, and does not end it', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'held', {});
    const running = app.call('POST', `/execute/${id}`);
    await expect.poll(async () => (await look(app, id)).state).toBe('RUNNING');
    const redelivered = await app.call('POST', `/execute/${id}`, { allow_retry: true, force: true });
    expectProblem(redelivered, 409, 'not_executable');
    gate.open();
    expect((await running).body.task).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  });
});

describe('what it refuses', () => {
  test.each([
    ['an id nobody has', '00000000-0000-7000-8000-000000000000'],
    ['a word', 'nonsense'],
    ['ten kilobytes', 'x'.repeat(10_000)],
    ['bytes that are no text', '%ff%00'],
    ['a quote', "1'or'1'='1"],
  ])('%s is unknown, like any other', async (_, id) => {
    expectProblem(await fresh.make().call('POST', `/execute/${id}`, {}), 404, 'execution_not_found');
  });

  test.each([
    ['allow_retry in quotes', { allow_retry: 'true' }, 'invalid_request', 'allow_retry'],
    ['allow_retry as a number', { allow_retry: 1 }, 'invalid_request', 'allow_retry'],
    ['force as a word', { force: 'yes' }, 'invalid_request', 'force'],
    ['an unknown field', { retry: true }, 'unknown_field', 'retry'],
  ])('%s', async (_, body, code, field) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    expectProblem(await app.call('POST', `/execute/${id}`, body), 422, code, field);
    expect((await look(app, id)).state).toBe('QUEUED');
  });

  test('a form says true and false, and nothing else means them', async () => {
    const app = fresh.make();
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const { id } = await enqueue(app, 'note', { value: 1 }, { delay_seconds: 60 });
    const odd = await app.call('POST', `/execute/${id}`, 'force=True', form);
    expectProblem(odd, 422, 'invalid_request', 'force');
    expectProblem(await app.call('POST', `/execute/${id}`, 'force=false', form), 409, 'not_executable');
    expect((await app.call('POST', `/execute/${id}`, 'force=true&allow_retry=false', form)).body.task.state).toBe(
      'SUCCEEDED',
    );
  });

  test('an execution whose task is not registered here is not touched', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    await fresh.sql(`update mobula.executions set task = 'gone' where id = $1`, [id]);
    expectProblem(await app.call('POST', `/execute/${id}`), 422, 'unknown_task');
    expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
  });
});
