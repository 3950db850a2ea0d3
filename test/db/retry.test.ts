import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import type { NewExecution } from '../../src/db/executions/enqueue.ts';
import { type ResetScope, resetExecutions, retryExecution } from '../../src/db/executions/retry.ts';
import {
  age,
  claim,
  describeDrivers,
  enqueueOne,
  fingerprint,
  finish,
  newId,
  onlyOne,
  putInState,
  rowOf,
  rows,
  startOne,
} from './support.ts';

const grants = { byTask: new Map([['train', 7]]), otherwise: 3 };
const failed: ResetScope = { state: 'FAILED', queue: null, task: null };

describeDrivers(({ db }) => {
  /** An execution that came to this end. */
  async function ended(state: string, some: Partial<NewExecution> = {}): Promise<string> {
    const id = await enqueueOne(db(), some);
    await putInState(db(), id, state);
    return id;
  }
  const queued = async () =>
    (await rows<{ id: string }>(db(), sql`select id from mobula.executions where state = 'QUEUED' order by id`)).map(
      ({ id }) => id,
    );

  test.each(['FAILED', 'CANCELLED', 'LOST', 'EXPIRED'])(
    'what is %s is QUEUED again, due now, and runs',
    async (state) => {
      const { id } = await startOne(db(), { queue: 'default', maxAttempts: 1, queueTimeoutSeconds: 60 });
      await finish(db(), { id, attempt: 1, epoch: 1, ending: 'FAILED' });
      await putInState(db(), id, state);
      await age(db(), id, 'expires_at', 1_000);
      expect(await retryExecution(db(), id, grants)).toEqual({ before: state, moved: true });
      expect(await rowOf(db(), id)).toMatchObject({
        state: 'QUEUED',
        attempt: 1,
        max_attempts: 4,
        ready: true,
        run_after: null,
        finished_at: null,
      });
      expect(onlyOne(await claim(db()))).toMatchObject({ id, attempt: 2 });
    },
  );

  test('the attempts granted are those of the task, on top of what it has had', async () => {
    const id = await ended('FAILED', { task: 'train', maxAttempts: 20 });
    await db().execute(sql`update mobula.executions set attempt = 20 where id = ${id}`);
    await retryExecution(db(), id, grants);
    expect(await rowOf(db(), id)).toMatchObject({ attempt: 20, max_attempts: 27 });
  });

  test.each(['QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED'])('what is %s stays so, byte by byte', async (state) => {
    const { id } = await startOne(db());
    await putInState(db(), id, state);
    const before = await fingerprint(db(), id);
    expect(await retryExecution(db(), id, grants)).toEqual({ before: state, moved: false });
    expect(await fingerprint(db(), id)).toBe(before);
  });

  test('an id that nothing has is answered by null', async () => {
    expect(await retryExecution(db(), newId(), grants)).toBeNull();
  });

  test('a unique key that another holds by now refuses it, and nothing changes', async () => {
    const id = await ended('FAILED', { uniqueKey: 'k' });
    await enqueueOne(db(), { uniqueKey: 'k' });
    const before = await fingerprint(db(), id);
    await expect(retryExecution(db(), id, grants)).rejects.toMatchObject({ code: 'unique_key_taken' });
    expect(await fingerprint(db(), id)).toBe(before);
  });

  test('ten retries at once move it once', async () => {
    const id = await ended('FAILED');
    const answers = await Promise.all(Array.from({ length: 10 }, () => retryExecution(db(), id, grants)));
    expect(answers.filter((answer) => answer?.moved)).toHaveLength(1);
    expect(answers.filter((answer) => answer?.before === 'QUEUED')).toHaveLength(9);
  });

  test('a reset takes what is of the state, the queue and the task, and nothing else', async () => {
    const one = await ended('FAILED');
    await ended('LOST');
    await ended('SUCCEEDED');
    const mail = await ended('FAILED', { queue: 'mail' });
    const train = await ended('FAILED', { task: 'train' });
    expect(await resetExecutions(db(), { ...failed, queue: 'mail' }, grants, 10)).toBe(1);
    expect(await queued()).toEqual([mail]);
    expect(await resetExecutions(db(), { ...failed, task: 'train' }, grants, 10)).toBe(1);
    expect(await queued()).toEqual([mail, train]);
    expect(await rowOf(db(), train)).toMatchObject({ max_attempts: 7 });
    expect(await resetExecutions(db(), failed, grants, 10)).toBe(1);
    expect(await queued()).toEqual([one, mail, train]);
  });

  test('a reset takes no more than its limit, the longest finished first', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.push(await ended('FAILED'));
    expect(await resetExecutions(db(), failed, grants, 2)).toBe(2);
    expect(await queued()).toEqual(ids.slice(0, 2));
    expect(await resetExecutions(db(), failed, grants, 2)).toBe(2);
    expect(await resetExecutions(db(), failed, grants, 2)).toBe(1);
    expect(await resetExecutions(db(), failed, grants, 2)).toBe(0);
  });

  test('of several with one unique key a reset takes the latest, once', async () => {
    await ended('FAILED', { uniqueKey: 'k' });
    const latest = await ended('FAILED', { uniqueKey: 'k' });
    const other = await ended('FAILED', { uniqueKey: 'other' });
    expect(await resetExecutions(db(), failed, grants, 10)).toBe(2);
    expect(await queued()).toEqual([latest, other]);
    expect(await resetExecutions(db(), failed, grants, 10)).toBe(0);
  });

  test('one outside the scope with the same unique key does not keep a reset from its own', async () => {
    const mine = await ended('FAILED', { uniqueKey: 'k', queue: 'mine' });
    await ended('FAILED', { uniqueKey: 'k', queue: 'other' });
    expect(await resetExecutions(db(), { ...failed, queue: 'mine' }, grants, 10)).toBe(1);
    expect(await queued()).toEqual([mine]);
  });

  test('a reset leaves those whose unique key is held', async () => {
    await ended('FAILED', { uniqueKey: 'k' });
    const holder = await enqueueOne(db(), { uniqueKey: 'k' });
    const free = await ended('FAILED', { uniqueKey: 'k', task: 'train' });
    expect(await resetExecutions(db(), failed, grants, 10)).toBe(1);
    expect(await queued()).toEqual([holder, free]);
  });

  test('resets at once share the work', async () => {
    for (let n = 0; n < 20; n += 1) await ended('FAILED');
    const counts = await Promise.all(Array.from({ length: 4 }, () => resetExecutions(db(), failed, grants, 20)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect(await queued()).toHaveLength(20);
  });
});
