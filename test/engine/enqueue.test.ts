import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Db } from '../../src/db/db.ts';
import { task } from '../../src/define-task.ts';
import { enqueueExecutions } from '../../src/engine/enqueue.ts';
import { purge } from '../../src/engine/purge.ts';
import { useDatabase } from '../support/database.ts';
import { makeEngine, type TestEngine } from '../support/engine.ts';

// What happens between an enqueue's statements: another caller, another end, a crash.
const database = useDatabase();
const add = task({ name: 'add', input: z.object({}), run: () => null });

/** Done once, after the statement that comes next. */
let afterNext: (() => Promise<unknown>) | null = null;
let engine: TestEngine;
let plain: Db;

beforeAll(() => {
  plain = connectDatabase(database.url());
  const interrupted: Db = {
    ...plain,
    async execute(statement) {
      const meanwhile = afterNext;
      afterNext = null;
      const answer = await plain.execute(statement);
      await meanwhile?.();
      return answer as never;
    },
  };
  engine = makeEngine({ db: interrupted, tasks: [add] });
});
afterAll(() => plain.close());
beforeEach(() => plain.execute(sql`truncate mobula.executions, mobula.inputs, mobula.idempotency_keys`));

const wish = (uniqueKey?: string) => ({ task: add, request: { task: 'add', input: '{}', uniqueKey } });
const key = { key: 'idem', request: 'one and the same' };
const enqueue = (uniqueKey?: string, under: typeof key | null = null) =>
  enqueueExecutions(engine.engine, [wish(uniqueKey)], under);
const finishAll = () =>
  plain.execute(sql`update mobula.executions set state = 'SUCCEEDED', ready = false, finished_at = mobula.clock()
    where state = 'QUEUED'`);
const purgeAll = () => purge(engine.engine, { days: 0, batchSize: 100, dryRun: false, seconds: 10 });

describe('a unique key', () => {
  test('that comes free while its holder is looked up is taken by the one that waits for it', async () => {
    const [holder] = await enqueue('k');
    afterNext = finishAll;
    const [answer] = await enqueue('k');
    expect(answer).toMatchObject({ created: true, own: true });
    expect(answer?.execution.id).not.toBe(holder?.execution.id);
  });

  test('that comes free within a batch leaves no half of it behind', async () => {
    await enqueue('k');
    afterNext = finishAll;
    const answers = await enqueueExecutions(engine.engine, [wish(), wish('k')], key);
    expect(answers.map(({ created }) => created)).toEqual([true, true]);
    const again = await enqueueExecutions(engine.engine, [wish(), wish('k')], key);
    expect(again.map(({ execution }) => execution.id)).toEqual(answers.map(({ execution }) => execution.id));
  });
});

describe('an idempotency key whose request met a unique key', () => {
  test('answers the execution that held it, for as long as that is there', async () => {
    const [holder] = await enqueue('k');
    const [first] = await enqueue('k', key);
    const [second] = await enqueue('k', key);
    for (const answer of [first, second]) {
      expect(answer).toMatchObject({ created: false, own: false, execution: { id: holder?.execution.id } });
    }
    await finishAll();
    expect((await enqueue('k', key))[0]?.execution).toMatchObject({ id: holder?.execution.id, state: 'SUCCEEDED' });
  });

  test('is answered the same to callers who come at once', async () => {
    const [holder] = await enqueue('k');
    const answers = await Promise.all(Array.from({ length: 10 }, () => enqueue('k', key)));
    expect(new Set(answers.map(([answer]) => answer?.execution.id))).toEqual(new Set([holder?.execution.id]));
  });

  test('can be asked again where the first caller died before it had noted the answer', async () => {
    const [holder] = await enqueue('k');
    afterNext = () => Promise.reject(new Error('the process ended here'));
    await expect(enqueue('k', key)).rejects.toThrow('the process ended here');
    expect((await enqueue('k', key))[0]?.execution.id).toBe(holder?.execution.id);
  });

  test('makes an execution once where the first caller died and the holder has finished since', async () => {
    await enqueue('k');
    afterNext = () => Promise.reject(new Error('the process ended here'));
    await expect(enqueue('k', key)).rejects.toThrow('the process ended here');
    await finishAll();
    const [first] = await enqueue('k', key);
    const [second] = await enqueue('k', key);
    expect(first).toMatchObject({ created: true });
    expect(second).toMatchObject({ created: false, own: true, execution: { id: first?.execution.id } });
  });

  test('is used up when the execution that answered it has been purged', async () => {
    await enqueue('k');
    await enqueue('k', key);
    await finishAll();
    await purgeAll();
    await expect(enqueue('k', key)).rejects.toMatchObject({ code: 'execution_purged' });
  });
});

test('an idempotency key is used up when what it made has been purged', async () => {
  await enqueue(undefined, key);
  await finishAll();
  await purgeAll();
  await expect(enqueue(undefined, key)).rejects.toMatchObject({ code: 'execution_purged' });
});
