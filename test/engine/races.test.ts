import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { Client } from 'pg';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { task } from '../../src/define-task.ts';
import { enqueueExecutions } from '../../src/engine/enqueue.ts';
import { execute } from '../../src/engine/execute.ts';
import { run } from '../../src/engine/run.ts';
import { useDatabase } from '../support/database.ts';
import { makeEngine, type TestEngine } from '../support/engine.ts';

/** How often user code started, for each attempt: `<id> <attempt>`. */
const starts = new Map<string, number>();
let atOnce = 0;
let mostAtOnce = 0;

const counted = task({
  name: 'counted',
  input: z.object({ ms: z.number(), failures: z.int().optional() }),
  retry: { backoffSeconds: 0 },
  async run({ ms, failures = 0 }, { id, attempt }) {
    const key = `${id} ${attempt}`;
    starts.set(key, (starts.get(key) ?? 0) + 1);
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    await sleep(ms);
    atOnce -= 1;
    if (attempt <= failures) throw new Error('not yet');
    return attempt;
  },
});

const database = useDatabase();
const engines: TestEngine[] = [];

/** Eight deployments of their own, as eight invocations on eight machines would be. */
function openEngines(): readonly TestEngine[] {
  while (engines.length < 8) engines.push(makeEngine({ url: database.url(), tasks: [counted] }));
  return engines;
}
afterAll(() => Promise.all(engines.map((engine) => engine.close())));
beforeEach(async () => {
  starts.clear();
  mostAtOnce = 0;
  await openEngines()[0]?.db.execute(
    sql`truncate mobula.executions, mobula.inputs, mobula.attempts, mobula.invocations`,
  );
});

async function enqueue(count: number, input: z.input<typeof counted.input>): Promise<string[]> {
  const { engine } = openEngines()[0]!;
  const request = { task: counted.name, input: JSON.stringify(input) };
  const made = await enqueueExecutions(
    engine,
    Array.from({ length: count }, () => ({ task: counted, request })),
  );
  return made.map(({ execution }) => execution.id);
}

const states = async () =>
  openEngines()[0]!.db.execute<{ state: string; n: number }>(
    sql`select state::text, count(*)::integer as n from mobula.executions group by 1`,
  );
const runAll = () =>
  Promise.all(openEngines().map(({ engine }) => run(engine, { queues: null, maxTasks: 0, seconds: 60 })));
const startedTwice = () => [...starts].filter(([, times]) => times !== 1);

describe('eight runs at once', () => {
  test('over five hundred executions start each once, and all succeed', async () => {
    const ids = await enqueue(500, { ms: 1 });
    const answers = await runAll();
    expect(await states()).toEqual([{ state: 'SUCCEEDED', n: 500 }]);
    expect(startedTwice()).toEqual([]);
    expect([...starts.keys()].toSorted()).toEqual(ids.map((id) => `${id} 1`).toSorted());
    expect(answers.reduce((sum, { processed }) => sum + processed, 0)).toBe(500);
    expect(answers.reduce((sum, { completed }) => sum + completed, 0)).toBe(500);
  });

  test('share the work: more than one of them runs some of it', async () => {
    await enqueue(200, { ms: 5 });
    const answers = await runAll();
    expect(answers.filter(({ processed }) => processed > 0).length).toBeGreaterThan(1);
    expect(mostAtOnce).toBeGreaterThan(10); // one invocation alone runs ten at once
    expect(await states()).toEqual([{ state: 'SUCCEEDED', n: 200 }]);
  });

  test('that find the gate of large claims shut wait a moment, and then go in all the same', async () => {
    const gate = new Client({ connectionString: database.url() });
    await gate.connect();
    await gate.query('begin');
    await gate.query("select pg_advisory_xact_lock(x'6d6f626c'::integer, i) from generate_series(0, 99) i");
    const crowd = makeEngine({ url: database.url(), tasks: [counted], env: { MOBULA_DEFAULT_CONCURRENCY: '100' } });
    await enqueue(150, { ms: 0 });
    const done = await run(crowd.engine, { queues: null, maxTasks: 0, seconds: 60 });
    expect(done).toMatchObject({ processed: 150, completed: 150, remaining: false });
    await Promise.all([gate.end(), crowd.close()]);
  });

  test('over executions that fail at first start each attempt once, one after the other', async () => {
    const ids = await enqueue(60, { ms: 1, failures: 2 });
    for (let round = 0; round < 10 && starts.size < 180; round += 1) await runAll();
    expect(await states()).toEqual([{ state: 'SUCCEEDED', n: 60 }]);
    expect(startedTwice()).toEqual([]);
    expect([...starts.keys()].toSorted()).toEqual(
      ids.flatMap((id) => [1, 2, 3].map((attempt) => `${id} ${attempt}`)).toSorted(),
    );
  });

  test('with a count of one each run one execution each', async () => {
    await enqueue(20, { ms: 20 });
    const answers = await Promise.all(
      openEngines().map(({ engine }) => run(engine, { queues: null, maxTasks: 1, seconds: 60 })),
    );
    expect(answers.map(({ processed }) => processed)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(answers.every(({ remaining }) => remaining)).toBe(true);
  });
});

describe('executing one execution', () => {
  const executeWith = (engine: TestEngine, id: string) =>
    execute(engine.engine, { id, allowRetry: false, force: false, seconds: 60 });

  test('twice at once runs it once, and the other is refused', async () => {
    const [id = ''] = await enqueue(1, { ms: 50 });
    const answers = await Promise.allSettled(openEngines().map((engine) => executeWith(engine, id)));
    const refusals = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason.code);
    expect(refusals).toEqual(Array.from({ length: 7 }, () => 'not_executable'));
    expect([...starts]).toEqual([[`${id} 1`, 1]]);
    expect(await states()).toEqual([{ state: 'SUCCEEDED', n: 1 }]);
  });

  test('while a run may take it too runs it once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [id = ''] = await enqueue(1, { ms: 10 });
      const [one, two] = openEngines();
      await Promise.allSettled([executeWith(one!, id), run(two!.engine, { queues: null, maxTasks: 0, seconds: 60 })]);
      expect(starts.get(`${id} 1`)).toBe(1);
    }
    expect(startedTwice()).toEqual([]);
    expect(await states()).toEqual([{ state: 'SUCCEEDED', n: 5 }]);
  });
});
