import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { finalStates } from '../../src/core/execution.ts';
import { insertExecutions, type NewExecution } from '../../src/db/executions/enqueue.ts';
import { findIdempotencyKey } from '../../src/db/executions/find-idempotency-key.ts';
import { countPurgeable, type PurgeScope, purgeExecutions } from '../../src/db/executions/purge.ts';
import {
  age,
  describeDrivers,
  enqueueOne,
  fingerprint,
  finish,
  inlineValue,
  newExecution,
  putInState,
  rowOf,
  rows,
  startOne,
  startOnRay,
} from './support.ts';

const week = 7 * 86_400;
const everything: PurgeScope = { states: finalStates, ageSeconds: 0, queue: null, task: null };
const old: PurgeScope = { ...everything, ageSeconds: week };

describeDrivers(({ db }) => {
  const idsLeft = async () =>
    (await rows<{ id: string }>(db(), sql`select id from mobula.executions order by id`)).map(({ id }) => id);
  /** An execution that came to this end some seconds ago. */
  async function ended(state: string, secondsAgo: number, some: Partial<NewExecution> = {}): Promise<string> {
    const id = await enqueueOne(db(), some);
    await putInState(db(), id, state);
    await age(db(), id, 'finished_at', secondsAgo);
    return id;
  }

  describe('what is purged', () => {
    test('is as old as asked, to the instant: exactly the cutoff is old enough', async () => {
      const at = await ended('SUCCEEDED', week);
      const young = await ended('SUCCEEDED', week - 30);
      expect(await countPurgeable(db(), old)).toBe(1);
      expect(await purgeExecutions(db(), old, 100)).toMatchObject({ deleted: 1 });
      expect(await idsLeft()).toEqual([young]);
      expect(await rowOf(db(), at)).toEqual({});
    });

    test('at no age at all is everything that is final', async () => {
      for (const state of finalStates) await ended(state, 0);
      expect(await purgeExecutions(db(), everything, 100)).toMatchObject({ deleted: finalStates.length });
    });

    test.each(['QUEUED', 'RUNNING', 'CANCELLING'])('is never what is %s, however old', async (state) => {
      const { id } = await startOne(db());
      await putInState(db(), id, state);
      await db().execute(sql`update mobula.executions set enqueued_at = enqueued_at - interval '10 years',
        claimed_at = claimed_at - interval '10 years'`);
      const before = await fingerprint(db(), id);
      expect(await countPurgeable(db(), everything)).toBe(0);
      expect(await purgeExecutions(db(), everything, 100)).toMatchObject({ deleted: 0 });
      expect(await fingerprint(db(), id)).toBe(before);
    });

    test('is of the states, the queue and the task that are asked for', async () => {
      const failed = await ended('FAILED', week);
      const mail = await ended('SUCCEEDED', week, { queue: 'mail' });
      const train = await ended('SUCCEEDED', week, { task: 'train' });
      const other = await ended('SUCCEEDED', week);
      await purgeExecutions(db(), { ...old, states: ['FAILED'] }, 100);
      expect(await idsLeft()).toEqual([mail, train, other]);
      await purgeExecutions(db(), { ...old, queue: 'mail' }, 100);
      expect(await idsLeft()).toEqual([train, other]);
      await purgeExecutions(db(), { ...old, task: 'train' }, 100);
      expect(await idsLeft()).toEqual([other]);
      expect(failed).not.toBe(other);
    });

    test('is the oldest first, in batches; a short one is the last', async () => {
      const ids: string[] = [];
      for (let days = 5; days > 0; days -= 1) ids.push(await ended('SUCCEEDED', week + days * 86_400));
      expect(await purgeExecutions(db(), old, 2)).toMatchObject({ deleted: 2 });
      expect(await idsLeft()).toEqual(ids.slice(2));
      expect(await purgeExecutions(db(), old, 2)).toMatchObject({ deleted: 2 });
      expect(await purgeExecutions(db(), old, 2)).toMatchObject({ deleted: 1 });
    });
  });

  describe('with an execution', () => {
    test('everything that is its own goes', async () => {
      const claimed = await startOne(db(), { queue: 'default' });
      await finish(db(), { ...claimed, ending: 'FAILED' });
      const other = await startOne(db());
      await finish(db(), other);
      await age(db(), claimed.id, 'finished_at', week);
      await purgeExecutions(db(), old, 100);
      expect(await rows(db(), sql`select execution_id from mobula.inputs`)).toEqual([{ execution_id: other.id }]);
      expect(await rows(db(), sql`select execution_id from mobula.attempts`)).toEqual([{ execution_id: other.id }]);
    });

    test('its stored values and its records on the cluster are told, for their removal', async () => {
      const stored = await startOnRay(db());
      const reference = 'resultfs://sha256/ab?bytes=9';
      const digest = { sha256: 'ab', bytes: 9, reason: null, value: null };
      await finish(db(), { ...stored, result: { state: 'stored', reference, ...digest } });
      const kept = await startOne(db());
      await finish(db(), { ...kept, result: { state: 'digest_only', reference: 'oversize://x', ...digest } });
      await finish(db(), { ...(await startOne(db())), result: inlineValue('1') });
      expect(await purgeExecutions(db(), everything, 100)).toEqual({
        deleted: 3,
        references: [reference],
        rayJobs: [{ id: stored.id, attempt: 1, sharedJob: null }],
      });
    });

    test('its idempotency key stays, marked as purged', async () => {
      const key = { key: 'k', requestSha256: '00'.repeat(32) };
      const wish = newExecution();
      await insertExecutions(db(), [wish], key);
      await putInState(db(), wish.id, 'SUCCEEDED');
      const other = await ended('SUCCEEDED', 0);
      await purgeExecutions(db(), everything, 100);
      expect(await findIdempotencyKey(db(), key)).toMatchObject({
        executionIds: [wish.id],
        sameRequest: true,
        purged: true,
      });
      expect(other).not.toBe(wish.id);
    });
  });

  test('purges at once share the work and delete everything once', async () => {
    for (let count = 0; count < 30; count += 1) await ended('SUCCEEDED', week);
    const purged = await Promise.all(Array.from({ length: 4 }, () => purgeExecutions(db(), old, 10)));
    const deleted = purged.reduce((sum, one) => sum + one.deleted, 0);
    expect(deleted).toBe(30 - (await idsLeft()).length);
    expect(deleted).toBeGreaterThanOrEqual(10);
  });
});
