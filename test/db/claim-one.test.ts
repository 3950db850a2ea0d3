import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { openCapacity } from '../../src/db/executions/claim.ts';
import { type ClaimOneOptions, claimOneInline, claimOneRemote } from '../../src/db/executions/claim-one.ts';
import { expireQueued } from '../../src/db/executions/expire.ts';
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
  useDb,
} from './support.ts';

const wish = (id: string, some: Partial<ClaimOneOptions> = {}): ClaimOneOptions => ({
  id,
  invocationId: newId(),
  leaseSeconds: 60,
  allowRetry: false,
  force: false,
  grantedAttempts: 3,
  ...some,
});

describeDrivers(({ db }) => {
  const claimOne = (id: string, some: Partial<ClaimOneOptions> = {}) => claimOneInline(db(), wish(id, some));

  /** An execution whose attempt has come to this end. */
  async function startedAndEnded(state: string): Promise<string> {
    const started = await startOne(db(), { queueTimeoutSeconds: 60 });
    await putInState(db(), started.id, state);
    return started.id;
  }

  describe('claiming one execution by its id', () => {
    test('takes it, with all that is needed to start it', async () => {
      const id = await enqueueOne(db(), { task: 'train', input: '[1]', timeoutSeconds: 9 });
      expect(await claimOne(id)).toEqual({
        kind: 'claimed',
        claimed: { id, task: 'train', attempt: 1, epoch: 1, maxAttempts: 3, timeoutSeconds: 9, input: '[1]' },
      });
      expect(await rowOf(db(), id)).toMatchObject({ state: 'RUNNING', attempt: 1, runner: 'inline' });
    });

    test('of an unknown id is answered as such', async () => {
      expect(await claimOne(newId())).toEqual({ kind: 'absent' });
    });

    test('that is not due is refused, unless it is forced', async () => {
      const id = await enqueueOne(db(), { delaySeconds: 3_600 });
      const before = await fingerprint(db(), id);
      expect(await claimOne(id)).toEqual({ kind: 'not_due' });
      expect(await fingerprint(db(), id)).toBe(before);
      expect(await claimOne(id, { force: true })).toMatchObject({ kind: 'claimed' });
    });

    test('that has fallen due and was not promoted yet is taken', async () => {
      const id = await enqueueOne(db(), { delaySeconds: 3_600 });
      await age(db(), id, 'due_at', 3_601);
      expect(await claimOne(id)).toMatchObject({ kind: 'claimed' });
    });

    test.each(['RUNNING', 'CANCELLING', 'SUCCEEDED', 'CANCELLED'])(
      'that is %s is refused, also as a retry',
      async (state) => {
        const id = await startedAndEnded(state);
        const before = await fingerprint(db(), id);
        expect(await claimOne(id)).toEqual({ kind: 'not_executable', state });
        expect(await claimOne(id, { allowRetry: true, force: true })).toEqual({ kind: 'not_executable', state });
        expect(await fingerprint(db(), id)).toBe(before);
      },
    );

    test.each(['FAILED', 'LOST', 'EXPIRED'])('that is %s is taken as a retry only', async (state) => {
      const id = await startedAndEnded(state);
      expect(await claimOne(id)).toEqual({ kind: 'not_executable', state });
      expect(await claimOne(id, { allowRetry: true })).toMatchObject({ kind: 'claimed', claimed: { attempt: 2 } });
      expect(await rowOf(db(), id)).toMatchObject({ state: 'RUNNING', finished_at: null });
    });

    test('as a retry grants the task’s attempts anew', async () => {
      const id = await startedAndEnded('FAILED');
      await claimOne(id, { allowRetry: true, grantedAttempts: 5 });
      expect(await rowOf(db(), id)).toMatchObject({ attempt: 2, max_attempts: 6 });
    });

    test('that waits for its next attempt grants nothing', async () => {
      const id = await enqueueOne(db(), { maxAttempts: 2 });
      await claimOne(id, { allowRetry: true, grantedAttempts: 5 });
      expect(await rowOf(db(), id)).toMatchObject({ attempt: 1, max_attempts: 2 });
    });

    test('as a retry gives it a queue timeout anew: it does not expire on its way back', async () => {
      const id = await startedAndEnded('EXPIRED');
      await age(db(), id, 'expires_at', 3_600);
      const answer = await claimOne(id, { allowRetry: true });
      if (answer.kind !== 'claimed') throw new RangeError(answer.kind);
      await finish(db(), { ...answer.claimed, ending: 'RELEASED' });
      expect(await expireQueued(db(), 10)).toBe(0);
      expect(await rowOf(db(), id)).toMatchObject({ state: 'QUEUED' });
    });

    test('as a retry is refused while another execution holds its unique key', async () => {
      const failed = (await startOne(db(), { uniqueKey: 'k' })).id;
      await putInState(db(), failed, 'FAILED');
      await enqueueOne(db(), { uniqueKey: 'k' });
      const before = await fingerprint(db(), failed);
      await expect(claimOne(failed, { allowRetry: true })).rejects.toMatchObject({ code: 'unique_key_taken' });
      expect(await fingerprint(db(), failed)).toBe(before);
    });

    test('on a cluster counts against its capacity, and is refused where that is full', async () => {
      const remote = { runner: 'ray_job', cluster: 'http://ray.test', concurrency: 1 } as const;
      await openCapacity(db(), remote.runner, remote.cluster);
      const ids = [await enqueueOne(db(), { form: 'ray' }), await enqueueOne(db(), { form: 'ray' })];
      expect(await claimOneRemote(db(), { ...wish(ids[0] ?? ''), ...remote })).toMatchObject({ kind: 'claimed' });
      expect(await claimOneRemote(db(), { ...wish(ids[1] ?? ''), ...remote })).toEqual({ kind: 'full' });
      expect(await rows(db(), sql`select running from mobula.capacity`)).toEqual([{ running: 1 }]);
      expect(await rowOf(db(), ids[1] ?? '')).toMatchObject({ state: 'QUEUED', attempt: 0 });
    });

    test('on a full cluster first says what else is wrong', async () => {
      const remote = { runner: 'ray_job', cluster: 'http://ray.test', concurrency: 1 } as const;
      await db().execute(
        sql`insert into mobula.capacity (runner, cluster, running) values ('ray_job', 'http://ray.test', 1)`,
      );
      const done = await startedAndEnded('SUCCEEDED');
      expect(await claimOneRemote(db(), { ...wish(done), ...remote })).toMatchObject({ kind: 'not_executable' });
      const later = await enqueueOne(db(), { form: 'ray', delaySeconds: 60 });
      expect(await claimOneRemote(db(), { ...wish(later), ...remote })).toEqual({ kind: 'not_due' });
      expect(await claimOneRemote(db(), { ...wish(newId()), ...remote })).toEqual({ kind: 'absent' });
    });

    test('lets one of ten concurrent calls have it, and tells the others that it runs', async () => {
      const id = await enqueueOne(db());
      const answers = await Promise.all(Array.from({ length: 10 }, () => claimOne(id)));
      expect(answers.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
      expect(answers.filter(({ kind }) => kind === 'not_executable')).toHaveLength(9);
      expect(await rowOf(db(), id)).toMatchObject({ attempt: 1 });
    });

    test('lets it go to one of a claim of the line and a claim by id', async () => {
      const id = await enqueueOne(db());
      const [line, one] = await Promise.all([claim(db()), claimOne(id)]);
      expect(line.length + (one.kind === 'claimed' ? 1 : 0)).toBe(1);
    });
  });
});

const database = useDb();

test('an execution that another session changes at this moment is refused at once, not waited for', async () => {
  const db = database.db();
  const id = await enqueueOne(db);
  await db.transaction(async (other) => {
    expect(onlyOne(await claim(other)).id).toBe(id);
    expect(await claimOneInline(db, wish(id))).toEqual({ kind: 'not_executable', state: 'RUNNING' });
  });
});
