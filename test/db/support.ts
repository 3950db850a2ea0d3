import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { connectDatabase, type DatabaseDriver, databaseDrivers } from '../../src/db/connect.ts';
import type { Db, Executor } from '../../src/db/db.ts';
import { claimInline, claimRemote, openCapacity } from '../../src/db/executions/claim.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import { insertExecutions, type NewExecution } from '../../src/db/executions/enqueue.ts';
import { type Finish, type FinishedValue, finishAttempts } from '../../src/db/executions/finish.ts';
import { newId } from '../../src/new-id.ts';
import { useDatabase } from '../support/database.ts';
import { type NeonStandIn, startNeon } from '../support/neon.ts';
import { type NeonRelay, startNeonRelay } from '../support/neon-ws.ts';

export { newId };

/** A database of the file's own, empty before each test. */
export interface TestDb {
  readonly db: () => Db;
  readonly url: () => string;
}

/** The same tests over every driver there is: each statement must mean the same to all of them. */
export function describeDrivers(define: (database: TestDb) => void): void {
  describe.each(databaseDrivers)('over %s', (driver) => define(useDb(driver)));
}

/** One database over one driver, `pg` where it does not matter. */
export function useDb(driver: DatabaseDriver = 'pg'): TestDb {
  const database = useDatabase();
  let db: Db;
  let neon: NeonStandIn | undefined;
  let relay: NeonRelay | undefined;
  beforeAll(async () => {
    if (driver === 'neon-http') neon = await startNeon();
    if (driver === 'neon-ws') relay = await startNeonRelay();
    db = connectDatabase(database.url(), { driver, neonFetchEndpoint: neon?.endpoint, neonWsProxy: relay?.url });
  });
  beforeEach(() => empty(db));
  afterAll(async () => {
    await db?.close();
    await Promise.all([neon?.close(), relay?.close()]);
  });
  return { db: () => db, url: database.url };
}

/** Deleted and not truncated: a truncation takes thirty times as long. */
const empty = (db: Db) =>
  db.execute(sql`with a as (delete from mobula.executions), b as (delete from mobula.inputs),
    c as (delete from mobula.attempts), d as (delete from mobula.invocations), e as (delete from mobula.capacity),
    f as (delete from mobula.idempotency_keys), g as (delete from mobula.result_objects),
    h as (delete from mobula.final_tallies) select 1`);

/** An execution to be stored, where only what a test is about needs to be said. */
export const newExecution = (some: Partial<NewExecution> = {}): NewExecution => ({
  id: newId(),
  task: 'add',
  form: 'inline',
  input: '{"a":1}',
  metadata: null,
  queue: 'default',
  priority: 0,
  maxAttempts: 3,
  runAfter: null,
  delaySeconds: null,
  timeoutSeconds: null,
  queueTimeoutSeconds: null,
  uniqueKey: null,
  ...some,
});

/** Stores one and answers its id. */
export async function enqueueOne(db: Executor, some: Partial<NewExecution> = {}): Promise<string> {
  const row = newExecution(some);
  await insertExecutions(db, [row], null);
  return row.id;
}

/** Stores several with one statement and answers their ids, in order. */
export async function enqueueAll(db: Executor, wishes: readonly Partial<NewExecution>[]): Promise<string[]> {
  const rows = wishes.map(newExecution);
  await insertExecutions(db, rows, null);
  return rows.map(({ id }) => id);
}

export const lane = (queue = 'default', form: NewExecution['form'] = 'inline') => ({ form, queue });

const cluster = { runner: 'ray_job', cluster: 'http://ray.test' } as const;

/** Claims for the inline runner, from the lane `default` unless said. */
export const claim = (db: Executor, some: Partial<Parameters<typeof claimInline>[1]> = {}): Promise<Claimed[]> =>
  claimInline(db, { lanes: [lane()], limit: 10, invocationId: newId(), leaseSeconds: 60, ...some });

/** Claims for a cluster, whose row is made first. */
export async function claimForRay(
  db: Executor,
  some: Partial<Parameters<typeof claimRemote>[1]> = {},
): Promise<Claimed[]> {
  const options = { ...cluster, lanes: [lane('default', 'ray')], limit: 10, invocationId: newId(), leaseSeconds: 60 };
  await openCapacity(db, options.runner, options.cluster);
  return claimRemote(db, { ...options, concurrency: 10, ...some });
}

/** One execution, claimed for the inline runner; in a queue of its own unless said. */
export async function startOne(db: Executor, some: Partial<NewExecution> = {}, leaseSeconds = 60): Promise<Claimed> {
  const queue = some.queue ?? newId();
  await enqueueOne(db, { ...some, queue });
  return onlyOne(await claim(db, { lanes: [lane(queue)], limit: 1, leaseSeconds }));
}

/** One execution, claimed for a cluster; its driver has not begun. */
export async function startOnRay(db: Executor, some: Partial<NewExecution> = {}, leaseSeconds = 60): Promise<Claimed> {
  const queue = some.queue ?? newId();
  await enqueueOne(db, { form: 'ray', ...some, queue });
  return onlyOne(await claimForRay(db, { lanes: [lane(queue, 'ray')], limit: 1, leaseSeconds, concurrency: 1_000 }));
}

export function onlyOne<Item>(items: readonly Item[]): Item {
  if (items.length !== 1) throw new RangeError(`Expected one, got ${items.length}.`);
  return items[0] as Item;
}

/** A value that is kept in its row. */
export const inlineValue = (value: string): FinishedValue => ({
  state: 'inline',
  value,
  reference: null,
  bytes: null,
  sha256: null,
  reason: null,
});

/** Ends attempts; a test says of each what it is about. */
export const finish = (db: Executor, ...finishes: (Pick<Finish, 'id' | 'attempt'> & Partial<Finish>)[]) =>
  finishAttempts(
    db,
    finishes.map((some) => ({
      epoch: null,
      nonce: null,
      ending: 'SUCCEEDED',
      retryable: false,
      delaySeconds: 0,
      error: null,
      result: (some.ending ?? 'SUCCEEDED') === 'SUCCEEDED' ? inlineValue('null') : null,
      ...some,
    })),
  );

export const rows = <Row extends object>(db: Executor, statement: SQL): Promise<Row[]> => db.execute<Row>(statement);

/** The row of an execution as the database has it. */
export async function rowOf(db: Executor, id: string): Promise<Record<string, unknown>> {
  const [row] = await rows<{ row: string }>(
    db,
    sql`select to_json(e)::text as row from mobula.executions e where id = ${id}`,
  );
  return JSON.parse(row?.row ?? '{}');
}

/** Everything that is known of an execution, in one digest: equal before and after means that no byte has changed. */
export async function fingerprint(db: Executor, id: string): Promise<string> {
  const [row] = await rows<{ md5: string }>(
    db,
    sql`select md5(concat(e::text, e.ctid, e.xmin, i::text,
        (select string_agg(a::text, ',' order by attempt) from mobula.attempts a where a.execution_id = e.id),
        (select string_agg(c::text, ',' order by cluster) from mobula.capacity c))) as md5
      from mobula.executions e left join mobula.inputs i on i.execution_id = e.id where e.id = ${id}`,
  );
  return row?.md5 ?? 'no such execution';
}

type InstantColumn =
  | 'enqueued_at'
  | 'due_at'
  | 'run_after'
  | 'expires_at'
  | 'check_at'
  | 'claimed_at'
  | 'begun_at'
  | 'beat_at'
  | 'ray_ended_at'
  | 'finished_at';

/** Lets an instant of a row lie `seconds` further back; rows are aged, clocks are not faked. */
export async function age(db: Executor, id: string, column: InstantColumn, seconds: number): Promise<void> {
  const name = sql.identifier(column);
  await db.execute(
    sql`update mobula.executions set ${name} = ${name} - make_interval(secs => ${seconds}) where id = ${id}`,
  );
}

/** Lets every lease have lapsed a while ago, and the checks of what they cover be due. */
export async function lapseLeases(db: Executor): Promise<void> {
  await db.execute(sql`update mobula.invocations set lease_until = lease_until - interval '1 hour'`);
  await db.execute(sql`update mobula.executions set check_at = check_at - interval '1 hour'`);
}

/** The state that a test wants a row to be in, as if it had come there. */
export async function putInState(db: Executor, id: string, state: string): Promise<void> {
  const isFinal = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'].includes(state);
  await db.execute(sql`update mobula.executions
    set state = ${state}::mobula.execution_state, ready = ready and ${state === 'QUEUED'}::boolean,
      finished_at = case when ${isFinal}::boolean then coalesce(finished_at, mobula.clock()) end
    where id = ${id}`);
}
