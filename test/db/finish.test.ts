import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import { findExecution } from '../../src/db/executions/find.ts';
import { findAttempts, findDrivenState } from '../../src/db/executions/find-attempts.ts';
import type { Ending, Finish } from '../../src/db/executions/finish.ts';
import {
  claim,
  claimForRay,
  describeDrivers,
  enqueueAll,
  fingerprint,
  finish,
  inlineValue,
  lane,
  newId,
  putInState,
  rowOf,
  rows,
  startOne,
  startOnRay,
} from './support.ts';

const endings: readonly Ending[] = ['SUCCEEDED', 'FAILED', 'LOST', 'CANCELLED', 'RELEASED', 'NEVER_BEGAN'];
const error = '{"type":"ValueError","message":"no","retryable":true}';

interface Case {
  readonly ending: Ending;
  readonly retryable: boolean;
  readonly attemptsLeft: boolean;
}
const cases: readonly Case[] = endings.flatMap((ending) =>
  [true, false].flatMap((retryable) => [true, false].map((attemptsLeft) => ({ ending, retryable, attemptsLeft }))),
);

/** What contract §2 says comes after RUNNING. */
function stateAfter({ ending, retryable, attemptsLeft }: Case): string {
  if (ending === 'RELEASED' || ending === 'NEVER_BEGAN') return 'QUEUED';
  const mayRetry = ending === 'FAILED' || ending === 'LOST';
  return mayRetry && retryable && attemptsLeft ? 'QUEUED' : ending;
}

describeDrivers(({ db }) => {
  const start = (some: Parameters<typeof startOne>[1] = {}) => startOne(db(), some);
  const end = (claimed: Claimed, some: Partial<Finish> = {}) => finish(db(), { ...claimed, ...some });
  /** Seconds from now to an instant of the row. */
  const secondsTo = async (id: string, column: 'due_at' | 'run_after' | 'expires_at') => {
    const [row] = await rows<{ s: number | null }>(
      db(),
      sql`select extract(epoch from ${sql.identifier(column)} - mobula.clock())::float8 as s
        from mobula.executions where id = ${id}`,
    );
    return row?.s;
  };

  describe('the end of a running attempt', () => {
    test.each(cases)(
      '$ending (retryable: $retryable, attempts left: $attemptsLeft) leads where the life of an execution says',
      async (of) => {
        const claimed = await start({ maxAttempts: of.attemptsLeft ? 3 : 1 });
        const state = stateAfter(of);
        expect(await end(claimed, { ...of, error })).toMatchObject([{ id: claimed.id, state }]);
        const row = await rowOf(db(), claimed.id);
        expect(row).toMatchObject({ state, attempt: 1, version: 3, holder: null, check_at: null });
        expect(row['finished_at'] === null).toBe(state === 'QUEUED');
        const known = of.ending === 'RELEASED' || of.ending === 'NEVER_BEGAN' ? 'RELEASED' : of.ending;
        expect(await findAttempts(db(), claimed.id)).toMatchObject([
          { attempt: 1, state: known, endedAt: expect.any(Date) },
        ]);
      },
    );

    test.each(endings)('%s, once it is to be cancelled, is CANCELLED and its value is dropped', async (ending) => {
      const claimed = await start();
      await putInState(db(), claimed.id, 'CANCELLING');
      expect(await end(claimed, { ending, retryable: true, result: inlineValue('1') })).toMatchObject([
        { id: claimed.id, state: 'CANCELLED' },
      ]);
      const sight = await findExecution(db(), claimed.id);
      expect(sight?.execution).toMatchObject({ state: 'CANCELLED', maxAttempts: 3, result: { state: 'none' } });
      expect(await findAttempts(db(), claimed.id)).toMatchObject([{ state: 'CANCELLED' }]);
      expect(await rows(db(), sql`select result from mobula.attempts`)).toEqual([{ result: null }]);
    });

    test('is told apart from the end of others in one statement, each as it was', async () => {
      await enqueueAll(
        db(),
        Array.from({ length: 300 }, () => ({})),
      );
      const claimed = await claim(db(), { limit: 300 });
      const ended = await finish(
        db(),
        ...claimed.map((one, index) => {
          const ending = endings[index % endings.length] ?? 'FAILED';
          return { ...one, ending, result: ending === 'SUCCEEDED' ? inlineValue(`${index}`) : null };
        }),
      );
      expect(ended).toHaveLength(300);
      const counts = await rows(
        db(),
        sql`select state::text, count(*)::integer as n from mobula.executions group by 1 order by 1`,
      );
      expect(counts).toEqual([
        { state: 'CANCELLED', n: 50 },
        { state: 'FAILED', n: 50 },
        { state: 'LOST', n: 50 },
        { state: 'QUEUED', n: 100 },
        { state: 'SUCCEEDED', n: 50 },
      ]);
      expect((await findExecution(db(), claimed[12]?.id ?? ''))?.execution.result.value).toBe('12');
    });

    test('of nothing is nothing', async () => {
      expect(await finish(db())).toEqual([]);
    });
  });

  describe('a stale end changes no byte', () => {
    const stale = async (claimed: Claimed, some: Partial<Finish>) => {
      const before = await fingerprint(db(), claimed.id);
      expect(await end(claimed, { result: inlineValue('"stale"'), ...some })).toEqual([]);
      expect(await fingerprint(db(), claimed.id)).toBe(before);
    };
    const begun = async () => {
      const claimed = await startOnRay(db());
      const nonce = crypto.randomUUID();
      await beginAttempt(db(), { ...claimed, nonce, checkSeconds: 5 });
      return { ...claimed, nonce };
    };

    test('of another epoch', async () => {
      const claimed = await start();
      await stale(claimed, { epoch: claimed.epoch - 1 });
      await stale(claimed, { epoch: claimed.epoch + 1 });
    });

    test('of another attempt', async () => {
      const claimed = await start();
      await stale(claimed, { attempt: 2 });
      await stale(claimed, { attempt: 0 });
    });

    test('of another driver', async () => {
      const claimed = await begun();
      await stale(claimed, { epoch: null, nonce: crypto.randomUUID() });
    });

    test('of a driver that never began', async () => {
      const claimed = await startOnRay(db());
      await stale(claimed, { epoch: null, nonce: crypto.randomUUID() });
    });

    test('of an earlier attempt’s driver, while the next one runs', async () => {
      const { nonce, ...first } = await begun();
      await end(first, { epoch: null, nonce, ending: 'FAILED', retryable: true });
      const [row] = await rows<{ queue: string }>(
        db(),
        sql`select queue from mobula.executions where id = ${first.id}`,
      );
      await claimForRay(db(), { lanes: [lane(row?.queue, 'ray')] });
      await stale(first, { epoch: null, nonce });
    });

    test('without any fence at all', async () => {
      await stale(await start(), { epoch: null, nonce: null });
    });

    test.each(['QUEUED', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'])(
      'of what is %s by now',
      async (state) => {
        const claimed = await start();
        await putInState(db(), claimed.id, state);
        await stale(claimed, {});
      },
    );

    test('of what does not exist', async () => {
      expect(await finish(db(), { id: newId(), attempt: 1, epoch: 1 })).toEqual([]);
    });

    test('beside others that are current', async () => {
      const [one, two] = [await start(), await start()];
      const before = await fingerprint(db(), one.id);
      const ended = await finish(db(), { ...one, epoch: 99 }, two);
      expect(ended).toMatchObject([{ id: two.id, state: 'SUCCEEDED' }]);
      expect(await fingerprint(db(), one.id)).toBe(before);
    });

    test('when it is the same end once more; and the driver can find out that it was its own', async () => {
      const { nonce, ...claimed } = await begun();
      await end(claimed, { epoch: null, nonce });
      await stale(claimed, { epoch: null, nonce });
      const ask = (attempt: number, by: string) => findDrivenState(db(), { id: claimed.id, attempt, nonce: by });
      expect(await ask(1, nonce)).toBe('SUCCEEDED');
      expect(await ask(1, crypto.randomUUID())).toBeNull();
      expect(await ask(2, nonce)).toBeNull();
    });
  });

  describe('another attempt', () => {
    test('is due after its delay, and waits outside the line until then', async () => {
      const claimed = await start();
      await end(claimed, { ending: 'FAILED', retryable: true, delaySeconds: 100 });
      expect(await rowOf(db(), claimed.id)).toMatchObject({ ready: false });
      for (const column of ['due_at', 'run_after'] as const) {
        expect(await secondsTo(claimed.id, column)).toBeGreaterThan(90);
        expect(await secondsTo(claimed.id, column)).toBeLessThanOrEqual(100);
      }
    });

    test('without a delay is in line at once', async () => {
      const claimed = await start();
      await end(claimed, { ending: 'LOST', retryable: true });
      expect(await rowOf(db(), claimed.id)).toMatchObject({ ready: true, max_attempts: 3 });
    });

    test('has the whole queue timeout again, from when it is due', async () => {
      const claimed = await start({ queueTimeoutSeconds: 1_000 });
      await end(claimed, { ending: 'FAILED', retryable: true, delaySeconds: 500 });
      expect(await secondsTo(claimed.id, 'expires_at')).toBeGreaterThan(1_490);
    });

    test('without a queue timeout never expires', async () => {
      const claimed = await start();
      await end(claimed, { ending: 'FAILED', retryable: true, delaySeconds: 500 });
      expect(await rowOf(db(), claimed.id)).toMatchObject({ expires_at: null });
    });

    test('after one that was handed back is due as that was, and grants one more', async () => {
      const claimed = await start({ queueTimeoutSeconds: 1_000 });
      const before = await rowOf(db(), claimed.id);
      await end(claimed, { ending: 'RELEASED', delaySeconds: 500 });
      const { due_at, run_after, expires_at } = before;
      expect(await rowOf(db(), claimed.id)).toMatchObject({
        due_at,
        run_after,
        expires_at,
        max_attempts: 4,
        ready: true,
      });
    });

    test('after one that never began waits for its delay, within the same queue timeout, and grants one more', async () => {
      const claimed = await startOnRay(db(), { queueTimeoutSeconds: 1_000 });
      const { expires_at } = await rowOf(db(), claimed.id);
      await end(claimed, { ending: 'NEVER_BEGAN', delaySeconds: 500, error });
      expect(await rowOf(db(), claimed.id)).toMatchObject({ expires_at, max_attempts: 4, ready: false });
      expect(await secondsTo(claimed.id, 'due_at')).toBeGreaterThan(490);
    });
  });
});
