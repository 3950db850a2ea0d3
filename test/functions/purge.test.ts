import { describe, expect, test } from 'vitest';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);

interface Aged {
  readonly state?: string;
  readonly days?: number;
  readonly queue?: string;
  readonly task?: string;
}

/** An execution with a past: final for that many days, or unfinished and that old. */
async function make(
  app: ReturnType<typeof fresh.make>,
  { state = 'SUCCEEDED', days = 0, queue = 'default', task = 'note' }: Aged = {},
) {
  const { id } = await enqueue(app, 'note', { value: state });
  await fresh.sql(
    `update mobula.executions set state = $2::mobula.execution_state, queue = $4, task = $5, ready = false,
       attempt = 1, runner = 'inline', claimed_at = now(), check_at = now(), enqueued_at = now() - interval '1 year',
       finished_at = case when $2 in ('QUEUED', 'RUNNING', 'CANCELLING') then null else now() - make_interval(secs => $3::float8 * 86400) end
     where id = $1`,
    [id, state, days, queue, task],
  );
  return id as string;
}

const left = async () =>
  (await fresh.sql<{ id: string }>('select id from mobula.executions order by id')).map(({ id }) => id);
const nothing = { deleted: 0, results_deleted: 0, ray_jobs_deleted: 0, dry_run: false };

describe('what it deletes', () => {
  test('what has been final for seven days, unless told otherwise, with all that was its', async () => {
    const app = fresh.make();
    const young = await make(app, { days: 6.99 });
    await make(app, { days: 7.01 });
    await make(app, { days: 7.01, state: 'FAILED' });
    const { status, body } = await app.call('POST', '/purge', {});
    expect([status, body]).toEqual([200, { ...nothing, deleted: 2 }]);
    expect(await left()).toEqual([young]);
    expect(await fresh.sql('select 1 from mobula.inputs')).toHaveLength(1);
  });

  test.each(['QUEUED', 'RUNNING', 'CANCELLING'])(
    'never what is %s, whatever its age and whatever is asked',
    async (state) => {
      const app = fresh.make();
      const id = await make(app, { state });
      expect((await app.call('POST', '/purge', { days: 0, failed_days: 0 })).body.deleted).toBe(0);
      expect(await left()).toEqual([id]);
    },
  );

  test('everything that is final with days 0', async () => {
    const app = fresh.make();
    for (const state of ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED']) await make(app, { state });
    expect((await app.call('POST', '/purge', { days: 0 })).body.deleted).toBe(5);
  });

  test('by fractions of a day', async () => {
    const app = fresh.make();
    await make(app, { days: 0.6 });
    const young = await make(app, { days: 0.4 });
    expect((await app.call('POST', '/purge', { days: 0.5 })).body.deleted).toBe(1);
    expect(await left()).toEqual([young]);
  });

  test('failures by an age of their own, 0 included', async () => {
    const app = fresh.make();
    const succeeded = await make(app, { days: 3 });
    const failed = await make(app, { days: 3, state: 'FAILED' });
    expect((await app.call('POST', '/purge', { days: 1, failed_days: 5 })).body.deleted).toBe(1);
    expect(await left()).toEqual([failed]);
    const other = await make(app, { days: 3 });
    expect((await app.call('POST', '/purge', { days: 30, failed_days: 0 })).body.deleted).toBe(1);
    expect(await left()).toEqual([other]);
    expect(succeeded).not.toBe(other);
  });

  test.each([
    [['SUCCEEDED'], ['SUCCEEDED']],
    [['SUCCESSFUL'], ['SUCCEEDED']],
    [['FAILED'], ['CANCELLED', 'EXPIRED', 'FAILED', 'LOST']],
    [
      ['LOST', 'SUCCESSFUL'],
      ['LOST', 'SUCCEEDED'],
    ],
    ['EXPIRED', ['EXPIRED']],
  ])('those of %j alone', async (statuses, gone) => {
    const app = fresh.make();
    const states = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'];
    for (const state of states) await make(app, { state });
    expect((await app.call('POST', '/purge', { days: 0, statuses })).body.deleted).toBe(gone.length);
    const rows = await fresh.sql<{ state: string }>('select state from mobula.executions');
    expect(rows.map(({ state }) => state).toSorted()).toEqual(
      states.filter((state) => !gone.includes(state)).toSorted(),
    );
  });

  test('those of one queue, and of one task', async () => {
    const app = fresh.make();
    const other = await make(app, { queue: 'other' });
    const task = await make(app, { task: 'fail' });
    await make(app);
    expect((await app.call('POST', '/purge', { days: 0, queue_name: 'default', task: 'note' })).body.deleted).toBe(1);
    expect(await left()).toEqual([other, task]);
    expect((await app.call('POST', '/purge', { days: 0, queue_name: 'other' })).body.deleted).toBe(1);
    expect(await left()).toEqual([task]);
  });

  test('all of it in bounded batches', async () => {
    const app = fresh.make();
    for (let n = 0; n < 7; n += 1) await make(app);
    expect((await app.call('POST', '/purge', { days: 0, batch_size: 2 })).body.deleted).toBe(7);
  });

  test('nothing in a dry run, which counts the same', async () => {
    const app = fresh.make();
    await make(app, { days: 8 });
    await make(app, { days: 8, state: 'FAILED' });
    const before = await fresh.fingerprint();
    const { body } = await app.call('POST', '/purge', { dry_run: true });
    expect(body).toEqual({ ...nothing, deleted: 2, dry_run: true });
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('so that what is gone is unknown, to a status and to a library alike', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'fail', {}, { max_attempts: 1 });
    await app.call('POST', '/run', {});
    expect((await look(app, id)).attempts).toHaveLength(1);
    await app.call('POST', '/purge', { days: 0 });
    for (const path of [`/status/${id}`, `/executions/${id}`, `/executions/${id}/result`]) {
      expectProblem(await app.call('GET', path), 404, 'execution_not_found');
    }
    expect(await fresh.sql('select 1 from mobula.attempts')).toHaveLength(0);
  });
});

describe('a form', () => {
  const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };

  test('says decimals, flags and lists', async () => {
    const app = fresh.make();
    await make(app, { days: 1, state: 'LOST' });
    await make(app, { days: 1, state: 'EXPIRED' });
    await make(app, { days: 1 });
    const text = 'days=0.5&statuses=LOST&statuses=EXPIRED&batch_size=1&dry_run=false&queue_name=default&task=note';
    expect((await app.call('POST', '/purge', text, form)).body).toEqual({ ...nothing, deleted: 2 });
  });

  test('with one status', async () => {
    const app = fresh.make();
    await make(app, { days: 1 });
    expect((await app.call('POST', '/purge', 'days=0&statuses=SUCCEEDED', form)).body.deleted).toBe(1);
  });

  test('that is empty is the default', async () => {
    expect((await fresh.make().call('POST', '/purge', '', form)).body).toEqual(nothing);
  });
});

describe('what it refuses, with nothing removed', () => {
  test.each([
    ['negative days', { days: -1 }, 'invalid_request', 'days'],
    ['negative days for failures', { days: 0, failed_days: -0.1 }, 'invalid_request', 'failed_days'],
    ['days as text', { days: '7' }, 'invalid_request', 'days'],
    ['a state that is not final', { days: 0, statuses: ['SUCCEEDED', 'RUNNING'] }, 'invalid_request', 'statuses.1'],
    ['a status that is not final', { days: 0, statuses: ['READY'] }, 'invalid_request', 'statuses.0'],
    ['no status at all', { days: 0, statuses: [] }, 'invalid_request', 'statuses'],
    ['no batch', { days: 0, batch_size: 0 }, 'invalid_request', 'batch_size'],
    ['too large a batch', { days: 0, batch_size: 10_001 }, 'invalid_request', 'batch_size'],
    ['a flag in quotes', { days: 0, dry_run: 'false' }, 'invalid_request', 'dry_run'],
    ['a mistyped flag', { days: 0, dryrun: true }, 'unknown_field', 'dryrun'],
  ])('%s', async (_, body, code, field) => {
    const app = fresh.make();
    await make(app, { days: 100 });
    const before = await fresh.fingerprint();
    expectProblem(await app.call('POST', '/purge', body), 422, code, field);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test.each(['trigger', 'enqueue', 'read'])('the scope %s', async (token) => {
    const app = fresh.make();
    await make(app, { days: 100 });
    expectProblem(await app.call('POST', '/purge', { days: 0 }, { token }), 403, 'forbidden');
    expect(await left()).toHaveLength(1);
  });

  test('a GET', async () => {
    const answer = await fresh.make().call('GET', '/purge');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('POST');
  });
});
