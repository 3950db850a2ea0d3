import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/core/sha256.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import { findExecution } from '../../src/db/executions/find.ts';
import { findAttempts } from '../../src/db/executions/find-attempts.ts';
import type { Finish, FinishedValue } from '../../src/db/executions/finish.ts';
import { claim, describeDrivers, finish, inlineValue, rows, startOne, startOnRay } from './support.ts';

const error = '{"type":"ValueError","message":"no","retryable":true}';

describeDrivers(({ db }) => {
  const start = (some: Parameters<typeof startOne>[1] = {}) => startOne(db(), some);
  const end = (claimed: Claimed, some: Partial<Finish> = {}) => finish(db(), { ...claimed, ...some });

  describe('the slot on the cluster', () => {
    const runningSlots = async () =>
      (await rows<{ running: number }>(db(), sql`select running from mobula.capacity`))[0]?.running;

    test.each(['SUCCEEDED', 'FAILED', 'LOST', 'CANCELLED', 'RELEASED', 'NEVER_BEGAN'] as const)(
      'is free again after %s',
      async (ending) => {
        const claimed = await startOnRay(db());
        await startOnRay(db());
        expect(await runningSlots()).toBe(2);
        await end(claimed, { ending });
        expect(await runningSlots()).toBe(1);
      },
    );

    test('is given back once, however often the end is told', async () => {
      const claimed = await startOnRay(db());
      await Promise.all(Array.from({ length: 5 }, () => end(claimed)));
      expect(await runningSlots()).toBe(0);
    });

    test('is not touched by an inline end', async () => {
      await startOnRay(db());
      await end(await start());
      expect(await runningSlots()).toBe(1);
    });
  });

  describe('the value of a success', () => {
    const resultOf = async (id: string) => (await findExecution(db(), id))?.execution.result;

    test('is kept as the text it came in; its length and digest are those of the text in UTF-8', async () => {
      const claimed = await start();
      const value = '{"z":9007199254740993,"a":"雪"}';
      await end(claimed, { result: inlineValue(value) });
      expect(await resultOf(claimed.id)).toEqual({
        state: 'inline',
        value,
        reference: null,
        bytes: Buffer.byteLength(value),
        sha256: await sha256Hex(value),
        reason: null,
      });
    });

    test('that is null is a value', async () => {
      const claimed = await start();
      await end(claimed, { result: inlineValue('null') });
      expect(await resultOf(claimed.id)).toMatchObject({ state: 'inline', value: 'null', bytes: 4 });
    });

    test.each(['stored', 'digest_only'] as const)('that is %s is kept by its reference', async (state) => {
      const claimed = await start();
      const digest = { sha256: 'ab'.repeat(32), bytes: 5_000_000_000 };
      const reference = `resultfs://sha256/${digest.sha256}?bytes=${digest.bytes}`;
      const result: FinishedValue = {
        state,
        value: null,
        reference,
        reason: state === 'stored' ? null : 'away',
        ...digest,
      };
      await end(claimed, { result });
      expect(await resultOf(claimed.id)).toEqual({ state, value: null, reference, reason: result.reason, ...digest });
    });
  });

  describe('the error of a failure', () => {
    const errorOf = async (id: string) => (await findExecution(db(), id))?.execution.error;

    test('is seen while the next attempt waits and runs, and is gone with success', async () => {
      const first = await start({ queue: 'default' });
      await end(first, { ending: 'FAILED', retryable: true, error });
      expect(await errorOf(first.id)).toBe(error);
      const [second] = await claim(db());
      expect(await errorOf(first.id)).toBe(error);
      await end(second!, {});
      expect(await errorOf(first.id)).toBeNull();
      expect(await findAttempts(db(), first.id)).toMatchObject([{ error }, { error: null }]);
    });

    test('is that of the last failed attempt, also after one that was handed back', async () => {
      const first = await start({ queue: 'default' });
      await end(first, { ending: 'FAILED', retryable: true, error });
      const [second] = await claim(db());
      await end(second!, { ending: 'RELEASED' });
      expect(await errorOf(first.id)).toBe(error);
    });
  });
});
