import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { type ListFilters, listExecutions } from '../../src/db/executions/list.ts';
import { age, describeDrivers, enqueueAll, enqueueOne, finish, inlineValue, putInState, startOne } from './support.ts';

const none: ListFilters = { states: null, queue: null, task: null, createdAfter: null, createdBefore: null };

describeDrivers(({ db }) => {
  const idsOf = async (filters: Partial<ListFilters> = {}, before: string | null = null, limit = 100) =>
    (await listExecutions(db(), { ...none, ...filters }, { before, limit })).executions.map(({ id }) => id);

  test('the newest is the first, and a page ends where it is told to', async () => {
    const ids = await enqueueAll(
      db(),
      Array.from({ length: 5 }, () => ({})),
    );
    expect(await idsOf()).toEqual(ids.toReversed());
    expect(await idsOf({}, null, 2)).toEqual([ids[4], ids[3]]);
    expect(await idsOf({}, ids[3], 2)).toEqual([ids[2], ids[1]]);
    expect(await idsOf({}, ids[0])).toEqual([]);
  });

  test('an execution comes with its value, its error and its metadata', async () => {
    const done = await startOne(db(), { metadata: '{"m":1}' });
    await finish(db(), { ...done, result: inlineValue('[1,2]') });
    const bad = await startOne(db());
    await finish(db(), { ...bad, ending: 'FAILED', error: '{"type":"E","message":"m","retryable":true}' });
    const { executions, hasMore } = await listExecutions(db(), none, { before: null, limit: 2 });
    const [second, first] = executions;
    expect(hasMore).toBe(false);
    expect(first).toMatchObject({ state: 'SUCCEEDED', metadata: '{"m":1}', result: { value: '[1,2]', bytes: 5 } });
    expect(second).toMatchObject({ state: 'FAILED', error: expect.stringContaining('"E"') });
  });

  test('a page ends early where its values are large, and says that there is more', async () => {
    const value = inlineValue(`"${'x'.repeat(800_000)}"`);
    for (let n = 0; n < 5; n += 1) await finish(db(), { ...(await startOne(db())), result: value });
    const pages = [];
    for (let before: string | null = null, more = true; more; ) {
      const { executions, hasMore } = await listExecutions(db(), none, { before, limit: 4 });
      pages.push(executions.length);
      before = executions.at(-1)?.id ?? null;
      more = hasMore;
    }
    expect(pages).toEqual([3, 2]);
  });

  describe('a filter', () => {
    test('lets through its states, and none of an empty list', async () => {
      const waiting = await enqueueOne(db());
      const lost = await enqueueOne(db());
      await putInState(db(), lost, 'LOST');
      expect(await idsOf({ states: ['LOST', 'FAILED'] })).toEqual([lost]);
      expect(await idsOf({ states: ['QUEUED'] })).toEqual([waiting]);
      expect(await idsOf({ states: [] })).toEqual([]);
    });

    test('lets through its queue and its task, and both together', async () => {
      const mail = await enqueueOne(db(), { queue: 'mail' });
      const both = await enqueueOne(db(), { queue: 'mail', task: 'train' });
      const train = await enqueueOne(db(), { task: 'train' });
      expect(await idsOf({ queue: 'mail' })).toEqual([both, mail]);
      expect(await idsOf({ task: 'train' })).toEqual([train, both]);
      expect(await idsOf({ queue: 'mail', task: 'train' })).toEqual([both]);
    });

    test('lets through what was enqueued between two instants', async () => {
      const ids = await enqueueAll(db(), [{}, {}, {}]);
      for (const [index, id] of ids.entries()) await age(db(), id, 'enqueued_at', (3 - index) * 3_600);
      const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000);
      expect(await idsOf({ createdAfter: ago(2.5) })).toEqual([ids[2], ids[1]]);
      expect(await idsOf({ createdBefore: ago(1.5) })).toEqual([ids[1], ids[0]]);
      expect(await idsOf({ createdAfter: ago(2.5), createdBefore: ago(1.5) })).toEqual([ids[1]]);
    });

    test.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59-12:00'])(
      'takes %s, as far away as it is',
      async (text) => {
        const id = await enqueueOne(db());
        const isPast = text < '2';
        expect(await idsOf({ createdAfter: new Date(text) })).toEqual(isPast ? [id] : []);
        expect(await idsOf({ createdBefore: new Date(text) })).toEqual(isPast ? [] : [id]);
      },
    );
  });

  test('names that are anything but plain are only names', async () => {
    for (const queue of ["'; drop table mobula.executions; --", '%', '__proto__', '{a,b}']) {
      const id = await enqueueOne(db(), { queue });
      expect(await idsOf({ queue })).toEqual([id]);
    }
    expect(await db().execute(sql`select 1 from mobula.executions`)).toHaveLength(4);
  });
});
