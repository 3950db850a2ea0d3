import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { beatAttempt, reportProgress } from '../../src/db/executions/beat.ts';
import { type BeginOptions, beginAttempt } from '../../src/db/executions/begin.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import {
  age,
  describeDrivers,
  fingerprint,
  finish,
  newId,
  putInState,
  rowOf,
  rows,
  startOne,
  startOnRay,
  useDb,
} from './support.ts';

const nonce = crypto.randomUUID();
const other = crypto.randomUUID();

describeDrivers(({ db }) => {
  const begin = ({ id, attempt }: Pick<Claimed, 'id' | 'attempt'>, some: Partial<BeginOptions> = {}) =>
    beginAttempt(db(), { id, attempt, nonce, checkSeconds: 5, ...some });
  const beat = ({ id, attempt }: Claimed, progress: string | null = null, from = nonce) =>
    beatAttempt(db(), { id, attempt, nonce: from, progress });
  const begunOne = async () => {
    const started = await startOnRay(db());
    await begin(started);
    return started;
  };
  /** Does something that must change nothing, not one byte. */
  async function unchanged(id: string, work: () => Promise<unknown>): Promise<unknown> {
    const before = await fingerprint(db(), id);
    const answer = await work();
    expect(await fingerprint(db(), id)).toBe(before);
    return answer;
  }

  describe('begin', () => {
    test('opens the gate and hands out what to run', async () => {
      const started = await startOnRay(db(), { task: 'train', input: '{"n":9007199254740993}', timeoutSeconds: 7 });
      expect(await begin(started)).toEqual({ task: 'train', input: '{"n":9007199254740993}', timeoutSeconds: 7 });
      expect(await rowOf(db(), started.id)).toMatchObject({ state: 'RUNNING', nonce, holder: null, version: 3 });
    });

    test('lets the same driver in again, as if its first answer had been lost', async () => {
      const started = await startOnRay(db());
      const first = await begin(started);
      const { begun_at, epoch, version } = await rowOf(db(), started.id);
      expect(await begin(started)).toEqual(first);
      expect(await rowOf(db(), started.id)).toMatchObject({ begun_at, epoch, version });
    });

    test('lets no second driver in', async () => {
      const started = await begunOne();
      expect(await unchanged(started.id, () => begin(started, { nonce: other }))).toBeNull();
    });

    test('lets one of ten drivers in that come at once', async () => {
      const started = await startOnRay(db());
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => begin(started, { nonce: crypto.randomUUID() })),
      );
      expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
    });

    test.each([0, 2])('refuses attempt %i while attempt 1 is current', async (attempt) => {
      const { id } = await startOnRay(db());
      expect(await unchanged(id, () => begin({ id, attempt }))).toBeNull();
    });

    test('refuses an attempt that was put back into its queue, and lets the next one in', async () => {
      const started = await startOnRay(db());
      await finish(db(), { ...started, ending: 'NEVER_BEGAN' });
      expect(await unchanged(started.id, () => begin(started))).toBeNull();
    });

    test.each(['CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'])(
      'refuses what is %s',
      async (state) => {
        const started = await startOnRay(db());
        await putInState(db(), started.id, state);
        expect(await unchanged(started.id, () => begin(started))).toBeNull();
      },
    );

    test('refuses an inline attempt: its claim was its begin', async () => {
      const started = await startOne(db());
      expect(await unchanged(started.id, () => begin(started))).toBeNull();
    });

    test('of an unknown execution is refused', async () => {
      expect(await begin({ id: newId(), attempt: 1 })).toBeNull();
    });

    test('undoes every verdict that was reached before it: the writer’s epoch is stale', async () => {
      const started = await startOnRay(db());
      await begin(started);
      const late = () => finish(db(), { ...started, ending: 'NEVER_BEGAN' });
      expect(await unchanged(started.id, late)).toEqual([]);
    });
  });

  describe('a beat', () => {
    test('is noted, and no observer sees a change', async () => {
      const started = await begunOne();
      await age(db(), started.id, 'beat_at', 100);
      const before = await rowOf(db(), started.id);
      expect(await beat(started)).toEqual({ cancel: false });
      const { beat_at, ...after } = await rowOf(db(), started.id);
      expect(after).toEqual({ ...before, beat_at: undefined });
      expect(beat_at).not.toBe(before['beat_at']);
    });

    test('with progress is a new version, and the progress stays until there is news', async () => {
      const started = await begunOne();
      const { version } = await rowOf(db(), started.id);
      await beat(started, '{"done":0.5}');
      expect(await rowOf(db(), started.id)).toMatchObject({ progress: '{"done":0.5}', version: Number(version) + 1 });
      await beat(started);
      expect(await rowOf(db(), started.id)).toMatchObject({ progress: '{"done":0.5}', version: Number(version) + 1 });
    });

    test('learns that it is to be cancelled', async () => {
      const started = await begunOne();
      await putInState(db(), started.id, 'CANCELLING');
      expect(await beat(started)).toEqual({ cancel: true });
    });

    test('of another driver is told that the attempt is over', async () => {
      const started = await begunOne();
      expect(await unchanged(started.id, () => beat(started, '1', other))).toBeNull();
    });

    test('before begin is told the same', async () => {
      const started = await startOnRay(db());
      expect(await unchanged(started.id, () => beat(started))).toBeNull();
    });

    test('after the end is told the same, also where another attempt is waiting or running', async () => {
      const started = await begunOne();
      await finish(db(), { ...started, epoch: null, nonce, ending: 'FAILED', retryable: true });
      expect(await unchanged(started.id, () => beat(started, '1'))).toBeNull();
      await db().execute(sql`update mobula.executions set state = 'RUNNING', attempt = 2, ready = false,
        check_at = mobula.clock() where id = ${started.id}`);
      expect(await unchanged(started.id, () => beat(started, '1'))).toBeNull();
    });
  });

  describe('the progress of an inline attempt', () => {
    test('is a new version', async () => {
      const { id, epoch } = await startOne(db());
      expect(await reportProgress(db(), { id, epoch, progress: '0.25' })).toBe(true);
      expect(await rowOf(db(), id)).toMatchObject({ progress: '0.25', version: 3 });
    });

    test('is refused from an invocation that holds it no longer', async () => {
      const { id, epoch } = await startOne(db());
      const late = () => reportProgress(db(), { id, epoch: epoch - 1, progress: '1' });
      expect(await unchanged(id, late)).toBe(false);
    });
  });
});

const database = useDb();

test('beats stay heap-only: they touch no index, and progress does not either', async () => {
  const db = database.db();
  const started = await startOnRay(db);
  await beginAttempt(db, { ...started, nonce, checkSeconds: 5 });
  // In one transaction, because its session's counts can be read at once; few, because it cannot prune what it left.
  const [before, after] = await db.transaction(async (tx) => {
    const counts = async () => {
      const [row] = await rows<{ updated: string; hot: string }>(
        tx,
        sql`select pg_stat_get_xact_tuples_updated(oid) as updated, pg_stat_get_xact_tuples_hot_updated(oid) as hot
          from pg_class where oid = 'mobula.executions'::regclass`,
      );
      return { updated: Number(row?.updated), hot: Number(row?.hot) };
    };
    const at = await counts();
    for (let count = 0; count < 12; count += 1) {
      await beatAttempt(tx, { ...started, nonce, progress: count % 2 ? `${count}` : null });
    }
    return [at, await counts()];
  });
  expect(after).toEqual({ updated: before.updated + 12, hot: before.hot + 12 });
});
