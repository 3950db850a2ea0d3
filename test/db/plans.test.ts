import { type SQL, sql } from 'drizzle-orm';
import { Client } from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Db, Executor } from '../../src/db/db.ts';
import { pgExecutor } from '../../src/db/drivers/pooled.ts';
import { beatAttempts } from '../../src/db/executions/beat-many.ts';
import { beginAttempts } from '../../src/db/executions/begin-many.ts';
import { claimInline, claimRemote, openCapacity } from '../../src/db/executions/claim.ts';
import { claimOneInline } from '../../src/db/executions/claim-one.ts';
import { expireQueued } from '../../src/db/executions/expire.ts';
import { promoteDelayed } from '../../src/db/executions/promote.ts';
import { survey } from '../../src/db/executions/survey.ts';
import { takeChecks } from '../../src/db/executions/take-checks.ts';
import { takeLapsed } from '../../src/db/executions/take-lapsed.ts';
import { dropLease } from '../../src/db/lease.ts';
import { useDatabase } from '../support/database.ts';
import { claim, enqueueAll, finish, lane, lapseLeases, newId } from './support.ts';

/** A node of `explain (analyze, buffers, format json)`, of whose many members these are looked at. */
interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Node[];
}

const database = useDatabase();
let db: Db;

/** What a plan did, told by the few figures that a queue lives or dies by. */
interface Plan {
  readonly nodes: readonly Node[];
  /** Pages touched, in the whole statement. */
  readonly pages: number;
  readonly indexes: readonly string[];
  /** Rows of `executions` that scans looked at, also those they threw away. */
  readonly seen: number;
  readonly readsTable: boolean;
}

/** Runs a statement for its plan, and takes it back. */
async function planOf(run: (executor: Executor) => Promise<unknown>, url = database.url()): Promise<Plan> {
  let root: Node | undefined;
  const explaining = (tx: Executor): Executor => ({
    async execute<Row extends object>(statement: SQL): Promise<Row[]> {
      const [row] = await tx.execute<{ 'QUERY PLAN': [{ Plan: Node }] }>(
        sql`explain (analyze, buffers, format json) ${statement}`,
      );
      root = row?.['QUERY PLAN'][0].Plan;
      return [];
    },
  });
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await run(explaining(pgExecutor(client))).catch(() => undefined); // an explained statement answers no rows
    await client.query('rollback');
  } finally {
    await client.end();
  }
  if (!root) throw new RangeError('No statement was run.');
  return toPlan(root);
}

function toPlan(root: Node): Plan {
  const flatten = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flatten)];
  const nodes = flatten(root);
  const scans = nodes.filter((node) => node['Relation Name'] === 'executions' && node['Node Type'].endsWith('Scan'));
  return {
    nodes,
    pages: root['Shared Hit Blocks'] + root['Shared Read Blocks'],
    indexes: [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))],
    seen: scans.reduce(
      (sum, node) => sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
      0,
    ),
    readsTable: scans.some((node) => node['Node Type'] === 'Seq Scan'),
  };
}

const sortedRows = ({ nodes }: Plan) =>
  Math.max(0, ...nodes.filter((node) => node['Node Type'].includes('Sort')).map((node) => node['Actual Rows']));

interface Load {
  readonly count: number;
  readonly queue: string;
  readonly ready?: boolean;
  /** Seconds from now. */
  readonly due?: number;
  readonly state?: 'QUEUED' | 'RUNNING' | 'SUCCEEDED';
}

/** Many rows in one statement; what is in flight runs on a cluster and is to be looked after between now and in an hour. */
const load = ({ count, queue, ready = true, due = -3_600, state = 'QUEUED' }: Load) =>
  db.execute(sql`insert into mobula.executions (id, task, form, queue, priority, max_attempts, enqueued_at, due_at, ready,
      expires_at, state, attempt, runner, cluster, claimed_at, check_at, finished_at)
    select gen_random_uuid(), 'add', 'inline', ${queue}, (i * 7919) % 201 - 100, 3, mobula.clock(),
      mobula.clock() + make_interval(secs => ${due} + (i * 7919) % 1800), ${ready},
      mobula.clock() + make_interval(secs => 86400 + i), s.state, case when s.state = 'QUEUED' then 0 else 1 end,
      case when s.state <> 'QUEUED' then 'ray_job'::mobula.runner_name end, case when s.state <> 'QUEUED' then 'c' end,
      mobula.clock(), mobula.clock() + make_interval(secs => i * 3600.0 / ${count} - 60),
      case when s.state = 'SUCCEEDED' then mobula.clock() end
    from generate_series(1, ${count}::integer) i, (select ${state}::mobula.execution_state as state) s`);

beforeAll(async () => {
  db = connectDatabase(database.url());
  // Autovacuum would analyze at a moment of its own; a backlog must be served well before and after it has.
  await db.execute(sql`alter table mobula.executions set (autovacuum_enabled = false)`);
  await load({ count: 50_000, queue: 'default' });
  await load({ count: 50_000, queue: 'another' });
  await load({ count: 50_000, queue: 'default', ready: false, due: 36_000 });
  await load({ count: 20_000, queue: 'default', ready: false, state: 'SUCCEEDED' });
  await load({ count: 500, queue: 'default', ready: false, state: 'RUNNING' });
  await db.execute(sql`insert into mobula.inputs (execution_id, input) select id, '1' from mobula.executions`);
  await openCapacity(db, 'ray_job', 'c');
  return () => db.close();
}, 60_000);

const claimOptions = () => ({ invocationId: newId(), leaseSeconds: 60 });

// Without statistics first: a table that has just been filled has none.
describe.each(['before', 'after'])('with a backlog of 150,000, %s the table was analyzed', (when) => {
  beforeAll(async () => {
    if (when === 'after') await db.execute(sql`analyze mobula.executions`);
  });

  test('the backlog is there', async () => {
    const [row] = await db.execute<{ n: string }>(sql`select count(*) n from mobula.executions where state = 'QUEUED'`);
    expect(Number(row?.n)).toBeGreaterThan(149_000);
  });

  test('a claim walks the claim’s index, and looks at no more rows than it takes', async () => {
    const plan = await planOf((tx) => claimInline(tx, { ...claimOptions(), lanes: [lane()], limit: 10 }));
    expect(plan).toMatchObject({ readsTable: false });
    expect(plan.indexes).toContain('executions_claim');
    expect(plan.seen).toBe(20); // ten found by the claim's index, and the same ten by key to be changed
    expect(sortedRows(plan)).toBeLessThanOrEqual(10);
    expect(plan.pages).toBeLessThan(400);
  });

  test('a claim for a cluster does too', async () => {
    const remote = { runner: 'ray_job', cluster: 'c', concurrency: 600 } as const;
    const plan = await planOf((tx) => claimRemote(tx, { ...claimOptions(), ...remote, lanes: [lane()], limit: 10 }));
    expect(plan).toMatchObject({ readsTable: false, seen: 20 });
    expect(plan.indexes).toContain('executions_claim');
    expect(plan.pages).toBeLessThan(400);
  });

  test('a claim over several lanes looks at its limit of each, never at their backlogs', async () => {
    const lanes = [lane(), lane('another'), lane('third'), lane('default', 'both')];
    const plan = await planOf((tx) => claimInline(tx, { ...claimOptions(), lanes, limit: 10 }));
    expect(plan).toMatchObject({ readsTable: false, seen: 30 });
    expect(plan.pages).toBeLessThan(500);
  });

  test('a claim that goes on behind an execution looks at nothing before it', async () => {
    const [row] = await db.execute<{ id: string }>(sql`
      select id from mobula.executions where state = 'QUEUED' and ready and queue = 'default' and priority = 100
      order by due_at, id offset 100 limit 1`);
    const claimOn = { ...claimOptions(), lanes: [lane()], limit: 10, after: row?.id ?? '' };
    const plan = await planOf((tx) => claimInline(tx, claimOn));
    expect(plan).toMatchObject({ readsTable: false, seen: 23 }); // ten twice, as above, and where it goes on, three times
    expect(plan.nodes.every((node) => !node['Rows Removed by Filter'])).toBe(true);
    expect(plan.pages).toBeLessThan(400);
  });

  test('a claim of 500 costs in proportion', async () => {
    const plan = await planOf((tx) => claimInline(tx, { ...claimOptions(), lanes: [lane()], limit: 500 }));
    expect(plan).toMatchObject({ readsTable: false, seen: 1_000 });
    expect(plan.pages).toBeLessThan(500 * 30);
  });

  test('one execution is claimed by its key', async () => {
    const [row] = await db.execute<{ id: string }>(
      sql`select id from mobula.executions where state = 'QUEUED' limit 1`,
    );
    const one = { id: row?.id ?? '', allowRetry: false, force: false, grantedAttempts: 3 };
    const plan = await planOf((tx) => claimOneInline(tx, { ...claimOptions(), ...one }));
    expect(plan).toMatchObject({ readsTable: false, seen: 3 });
    expect(plan.pages).toBeLessThan(100);
  });

  test('a look at everything there is to do reads the indexes’ ends, not the backlog', async () => {
    const plan = await planOf((tx) => survey(tx, { here: [], elsewhere: ['inline', 'both'], queues: null }));
    expect(plan.readsTable).toBe(false);
    expect(plan.seen).toBeLessThan(500 + 100); // all that is in flight, which the concurrency bounds
    expect(plan.pages).toBeLessThan(700);
  });

  test('promotion finds what has fallen due, and nothing where nothing has', async () => {
    const plan = await planOf((tx) => promoteDelayed(tx, 100));
    expect(plan).toMatchObject({ readsTable: false, seen: 0 });
    expect(plan.indexes).toContain('executions_delayed');
    expect(plan.pages).toBeLessThan(20);
  });

  test('expiry finds what has expired, and nothing where nothing has', async () => {
    const plan = await planOf((tx) => expireQueued(tx, 100));
    expect(plan).toMatchObject({ readsTable: false, seen: 0 });
    expect(plan.indexes).toContain('executions_expiry');
    expect(plan.pages).toBeLessThan(20);
  });

  test('checks are taken from the index of what is in flight', async () => {
    const plan = await planOf((tx) => takeChecks(tx, 5, 15));
    expect(plan.readsTable).toBe(false);
    expect(plan.indexes).toContain('executions_check');
    expect(plan.seen).toBeLessThan(30);
    expect(plan.pages).toBeLessThan(200);
  });

  test('lapsed attempts are found by what their invocation holds', async () => {
    const invocationId = newId();
    await claim(db, { invocationId, limit: 50 });
    const drop = await planOf((tx) => dropLease(tx, invocationId));
    expect(drop).toMatchObject({ readsTable: false, seen: 1 });
    await lapseLeases(db);
    const plan = await planOf((tx) => takeLapsed(tx, 100));
    expect(plan.readsTable).toBe(false);
    expect(plan.indexes).toContain('executions_held');
    expect(plan.seen).toBe((await takeLapsed(db, 100)).length);
    expect(plan.pages).toBeLessThan(plan.seen * 5);
  });

  test('outcomes find their rows by key', async () => {
    const claimed = await claim(db, { limit: 50 });
    const plan = await planOf((tx) => finish(tx, ...claimed));
    expect(plan).toMatchObject({ readsTable: false, seen: 50 });
    expect(plan.indexes).toContain('executions_pkey');
    expect(plan.pages).toBeLessThan(50 * 40);
  });

  test('of a hundred outcomes none is compared with the rows of the others', async () => {
    const plan = await planOf(async (tx) => finish(tx, ...(await claim(db, { lanes: [lane('another')], limit: 100 }))));
    expect(plan.nodes.filter((node) => node['Rows Removed by Join Filter'])).toEqual([]);
    expect(plan.seen).toBe(100);
  });
});

// Here a scan of the table looks cheap to the planner, and is what makes each statement dearer than the one before.
describe.each([3_000, 30_000])('with %i in the order of their ids', (count) => {
  const own = useDatabase();
  let young: Db;
  beforeAll(async () => {
    young = connectDatabase(own.url());
    for (let round = 0; round < count / 1_000; round += 1) {
      await enqueueAll(
        young,
        Array.from({ length: 1_000 }, () => ({})),
      );
    }
    await young.execute(sql`analyze`);
    return () => young.close();
  }, 60_000);

  test('a claim of 1,000 reads no table from end to end', async () => {
    const claimOf = (tx: Executor) => claimInline(tx, { ...claimOptions(), lanes: [lane()], limit: 1_000 });
    const plan = await planOf(claimOf, own.url());
    expect(plan).toMatchObject({ readsTable: false, seen: 2_000 });
    expect(plan.nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
  });

  test('nor do 1,000 outcomes', async () => {
    const claimed = await claim(young, { limit: 1_000 });
    const plan = await planOf((tx) => finish(tx, ...claimed), own.url());
    expect(plan).toMatchObject({ readsTable: false, seen: 1_000 });
  });

  test('nor do the begins and beats of many attempts', async () => {
    const cluster = { runner: 'ray_core', cluster: 'c' } as const;
    await openCapacity(young, cluster.runner, cluster.cluster);
    const asked = await claimRemote(young, {
      ...claimOptions(),
      ...cluster,
      lanes: [lane()],
      limit: 500,
      concurrency: 500,
    });
    const begins = asked.map(({ id, attempt }) => ({ id, attempt, nonce: newId() }));
    const bounds = { checkSeconds: 60, inputBytesMax: 1_000_000 };
    expect(await planOf((tx) => beginAttempts(tx, begins, bounds), own.url())).toMatchObject({ readsTable: false });
    await beginAttempts(young, begins, bounds);
    const beats = begins.map((each) => ({ ...each, progress: null }));
    expect(await planOf((tx) => beatAttempts(tx, beats), own.url())).toMatchObject({ readsTable: false });
  });
});
