import { type SQL, sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { type State, states } from '../../src/core/execution.ts';
import type { Executor } from '../../src/db/db.ts';
import { cancelExecution } from '../../src/db/executions/cancel.ts';
import { claimOneInline } from '../../src/db/executions/claim-one.ts';
import { expireQueued } from '../../src/db/executions/expire.ts';
import { purgeExecution, purgeExecutions } from '../../src/db/executions/purge.ts';
import { resetExecutions, retryExecution } from '../../src/db/executions/retry.ts';
import { readStats } from '../../src/db/executions/stats.ts';
import { foldTallies } from '../../src/db/executions/tally.ts';
import {
  age,
  claim,
  describeDrivers,
  enqueueAll,
  enqueueOne,
  finish,
  newId,
  rows,
  startOne,
  useDb,
} from './support.ts';

const grants = { byTask: new Map<string, number>(), otherwise: 3 };
const noneOf = Object.fromEntries(states.map((state) => [state, 0]));
const finals = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'] as const;

describeDrivers(({ db }) => {
  test('an empty database has nothing of anything', async () => {
    expect(await readStats(db())).toEqual({
      states: noneOf,
      queues: {},
      oldestReadySeconds: null,
      digestOnly: 0,
      clusters: [],
    });
  });

  test('every state is counted, and every queue in which something is unfinished', async () => {
    await enqueueOne(db());
    await startOne(db(), { queue: 'a' });
    await cancelExecution(db(), (await startOne(db(), { queue: 'a' })).id);
    await cancelExecution(db(), await enqueueOne(db(), { queue: 'over' }));
    for (const ending of ['SUCCEEDED', 'FAILED', 'LOST'] as const) {
      await finish(db(), { ...(await startOne(db(), { queue: 'over' })), ending });
    }
    const expiring = await enqueueOne(db(), { queueTimeoutSeconds: 5 });
    await age(db(), expiring, 'expires_at', 10);
    await expireQueued(db(), 10);
    expect(await readStats(db())).toEqual({
      states: Object.fromEntries(states.map((state) => [state, 1])),
      queues: { default: { ready: 1, delayed: 0, running: 0 }, a: { ready: 0, delayed: 0, running: 2 } },
      oldestReadySeconds: expect.any(Number),
      digestOnly: 0,
      clusters: [],
    });
  });

  test('what is not due is delayed, and what has fallen due is ready before anybody has promoted it', async () => {
    await enqueueAll(db(), [{}, {}, { delaySeconds: 3_600 }]);
    const due = await enqueueOne(db(), { delaySeconds: 60 });
    await age(db(), due, 'due_at', 100);
    const { queues, states: byState } = await readStats(db());
    expect(queues).toEqual({ default: { ready: 3, delayed: 1, running: 0 } });
    expect(byState.QUEUED).toBe(4);
  });

  test('the oldest wait is that of what is due, from when it was', async () => {
    const late = await enqueueOne(db(), { delaySeconds: 3_600 });
    await age(db(), late, 'enqueued_at', 86_400);
    expect((await readStats(db())).oldestReadySeconds).toBeNull();
    await age(db(), await enqueueOne(db(), { queue: 'b' }), 'due_at', 50);
    const { oldestReadySeconds: ready } = await readStats(db());
    expect(ready).toBeGreaterThanOrEqual(50);
    expect(ready).toBeLessThan(80);
    await age(db(), late, 'due_at', 3_600 + 500);
    const { oldestReadySeconds: due } = await readStats(db());
    expect(due).toBeGreaterThanOrEqual(500);
    expect(due).toBeLessThan(530);
  });

  test.each(['__proto__', 'constructor', 'a "b" {c}'])('a queue may be named %s', async (queue) => {
    await enqueueOne(db(), { queue });
    const { queues } = await readStats(db());
    expect(Object.entries(queues)).toEqual([[queue, { ready: 1, delayed: 0, running: 0 }]]);
  });

  test('after any moves in any order the sums are those of the rows', async () => {
    let seed = 20_260_101;
    const below = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    const some = async (condition: SQL) => {
      const found = await rows<{ id: string }>(
        db(),
        sql`select id from mobula.executions where ${condition} order by id`,
      );
      return found[below(found.length)]?.id ?? newId();
    };
    const isFinal = sql`finished_at is not null`;
    const endings = ['SUCCEEDED', 'FAILED', 'LOST', 'CANCELLED', 'RELEASED'] as const;
    const moves: (() => Promise<unknown>)[] = [
      () => enqueueAll(db(), [{}, { queue: 'mail' }, { delaySeconds: 60 }]),
      () => enqueueAll(db(), [{ uniqueKey: newId() }, { maxAttempts: 1 }]),
      async () => {
        const claimed = await claim(db(), { limit: 3 });
        await finish(
          db(),
          ...claimed.slice(1).map((one) => ({ ...one, ending: endings[below(5)]!, retryable: below(2) > 0 })),
        );
      },
      async () => cancelExecution(db(), await some(sql`not (${isFinal})`)),
      async () => cancelExecution(db(), await some(isFinal)),
      async () => retryExecution(db(), await some(isFinal), grants),
      () => resetExecutions(db(), { state: finals[1 + below(4)]! as 'FAILED', queue: null, task: null }, grants, 2),
      async () => purgeExecution(db(), await some(sql`true`)),
      () => purgeExecutions(db(), { states: [finals[below(5)]!], ageSeconds: 0, queue: null, task: null }, 2),
      () => foldTallies(db()),
      async () => {
        await age(db(), await some(sql`state = 'QUEUED'`), 'expires_at', 100_000);
        await expireQueued(db(), 1);
      },
      async () => {
        const id = await some(sql`state in ('FAILED', 'LOST', 'EXPIRED')`);
        const options = { invocationId: newId(), leaseSeconds: 60, allowRetry: true, force: false, grantedAttempts: 3 };
        await claimOneInline(db(), { id, ...options });
      },
    ];
    const reached = new Set<State>();
    for (let step = 0; step < 150; step += 1) {
      await moves[below(moves.length)]!();
      const truth = await rows<{ state: State; n: number }>(
        db(),
        sql`select state, count(*)::integer as n from mobula.executions group by 1`,
      );
      for (const { state } of truth) reached.add(state);
      expect((await readStats(db())).states).toEqual({
        ...noneOf,
        ...Object.fromEntries(truth.map((t) => [t.state, t.n])),
      });
    }
    expect([...reached].toSorted()).toEqual(
      expect.arrayContaining(['CANCELLED', 'FAILED', 'LOST', 'QUEUED', 'SUCCEEDED']),
    );
  });

  test('moves at once are all counted', async () => {
    await enqueueAll(
      db(),
      Array.from({ length: 40 }, () => ({})),
    );
    const claimed = await claim(db(), { limit: 20 });
    const waiting = await rows<{ id: string }>(db(), sql`select id from mobula.executions where state = 'QUEUED'`);
    await Promise.all([
      ...claimed.map((one) => finish(db(), one)),
      ...waiting.map(({ id }) => cancelExecution(db(), id)),
      ...Array.from({ length: 5 }, () => foldTallies(db())),
    ]);
    expect((await readStats(db())).states).toEqual({ ...noneOf, SUCCEEDED: 20, CANCELLED: 20 });
  });
});

describe('with a history of 20,000', () => {
  const { db } = useDb();

  /** Pages touched, and whether the table itself was read from end to end. */
  async function costOf(): Promise<{ pages: number; scans: string[] }> {
    let text = '';
    const explaining: Executor = {
      async execute<Row extends object>(statement: SQL): Promise<Row[]> {
        text = JSON.stringify(await db().execute(sql`explain (analyze, buffers, format json) ${statement}`));
        return [];
      },
    };
    await readStats(explaining);
    const [plan] = JSON.parse(text)[0]['QUERY PLAN'];
    const scans = text.match(/"Node Type":"[^"]+"[^{}]*?"Relation Name":"executions"/g) ?? [];
    return { pages: plan.Plan['Shared Hit Blocks'] + plan.Plan['Shared Read Blocks'], scans };
  }

  test.each(['before', 'after'])(
    'statistics read what is unfinished alone, %s the table was analyzed',
    async (when) => {
      await db().execute(sql`alter table mobula.executions set (autovacuum_enabled = false)`);
      await db().execute(sql`insert into mobula.executions
        (id, task, form, queue, priority, max_attempts, enqueued_at, due_at, ready, state, attempt, runner, claimed_at, finished_at)
      select gen_random_uuid(), 'add', 'inline', 'default', 0, 3, mobula.clock(), mobula.clock(), false, 'SUCCEEDED', 1,
        'inline', mobula.clock(), mobula.clock() from generate_series(1, 20000)`);
      await enqueueAll(db(), [{}, {}, { delaySeconds: 60 }]);
      await startOne(db());
      if (when === 'after') await db().execute(sql`analyze mobula.executions`);
      const { pages, scans } = await costOf();
      expect(scans.length).toBeGreaterThan(0);
      expect(scans.filter((scan) => scan.includes('"Seq Scan"'))).toEqual([]);
      expect(pages).toBeLessThan(60);
    },
  );
});
