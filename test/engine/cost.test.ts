import type { SQL } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Db } from '../../src/db/db.ts';
import { toQuery } from '../../src/db/drivers/to-query.ts';
import { task } from '../../src/define-task.ts';
import { enqueueExecutions } from '../../src/engine/enqueue.ts';
import { run } from '../../src/engine/run.ts';
import { useDatabase } from '../support/database.ts';
import { makeEngine, type TestEngine } from '../support/engine.ts';

const database = useDatabase();
const noop = task({ name: 'noop', input: z.object({}), run: () => null });

/** What was asked of the database, each statement by what it is for. */
const asked: string[] = [];

const purposes = {
  look: 'with recursive lane',
  claim: 'claimed as (',
  finish: 'insert into mobula.attempts',
  enqueue: 'insert into mobula.inputs',
  'give up the lease': 'delete from mobula.invocations i',
} as const;

function purposeOf(statement: SQL): string {
  const { sql } = toQuery(statement);
  return Object.entries(purposes).find(([, text]) => sql.includes(text))?.[0] ?? sql.trim().slice(0, 60);
}

/** The port that every statement passes, with a meter in it. */
const metered = (db: Db): Db => ({
  ...db,
  execute: (statement) => {
    asked.push(purposeOf(statement));
    return db.execute(statement);
  },
});

let engine: TestEngine;
beforeAll(() => {
  engine = makeEngine({
    db: metered(connectDatabase(database.url())),
    tasks: [noop],
    env: { MOBULA_DEFAULT_CONCURRENCY: '500' },
  });
});
afterAll(() => engine.close());
beforeEach(() => {
  asked.length = 0;
});

const runOnce = (maxTasks = 0) => run(engine.engine, { queues: null, maxTasks, seconds: 60 });
const enqueue = (count: number) =>
  enqueueExecutions(
    engine.engine,
    Array.from({ length: count }, () => ({ task: noop, request: { task: noop.name, input: '{}' } })),
  );

describe('in statements', () => {
  test('a run with nothing to do costs one', async () => {
    await runOnce();
    expect(asked).toEqual(['look']);
  });

  test('a run over HTTP with nothing to do costs no more', async () => {
    expect((await engine.call('POST', '/run')).status).toBe(200);
    expect(asked).toEqual(['look']);
  });

  test('enqueuing costs one, for one execution as for a thousand', async () => {
    await enqueue(1_000);
    expect(asked).toEqual(['enqueue']);
  });

  test('five hundred executions that do nothing cost one claim, one flush and one lease', async () => {
    // What is left from the test above is the backlog. The looks before and after belong to the run, not to its work.
    const answer = await runOnce(500);
    expect(answer).toMatchObject({ processed: 500, completed: 500, remaining: true });
    expect(asked.filter((purpose) => purpose !== 'look')).toEqual(['claim', 'finish', 'give up the lease']);
    expect(asked.filter((purpose) => purpose === 'look')).toHaveLength(2);
  });

  test('the last five hundred cost one claim more, which finds nothing further on', async () => {
    expect(await runOnce()).toMatchObject({ processed: 500, completed: 500, remaining: false });
    const claims = asked.filter((purpose) => purpose === 'claim');
    expect(claims).toHaveLength(2);
    expect(asked.filter((purpose) => purpose !== 'look').length).toBeLessThanOrEqual(5);
  });

  test('one execution costs two looks, a claim, its end and the lease', async () => {
    await enqueue(1);
    asked.length = 0;
    await runOnce();
    expect(asked).toEqual(['look', 'claim', 'finish', 'give up the lease', 'look']);
  });
});
