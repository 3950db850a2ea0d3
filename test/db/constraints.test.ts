import { type SQL, sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { enqueueOne, finish, putInState, rowOf, startOne, startOnRay, useDb } from './support.ts';

// What the code never writes, the database refuses: whoever writes past us meets the same rules.
const database = useDb();

const change = (id: string, set: SQL) =>
  database.db().execute(sql`update mobula.executions set ${set} where id = ${id}`);

describe('a queued execution cannot', () => {
  test.each<[string, SQL, RegExp]>([
    ['have a priority beyond the range', sql`priority = 101`, /executions_priority/],
    ['have a priority below the range', sql`priority = -101`, /executions_priority/],
    ['have more attempts than it may', sql`attempt = max_attempts + 1`, /executions_attempts/],
    ['have fewer attempts than none', sql`attempt = -1`, /executions_attempts/],
    ['be in a queue without a name', sql`queue = ''`, /executions_names/],
    ['be in a queue with an endless name', sql`queue = repeat('q', 201)`, /executions_names/],
    ['be of a task without a name', sql`task = ''`, /executions_names/],
    ['have ended', sql`finished_at = now()`, /executions_finished_at/],
    ['be final without an end', sql`state = 'FAILED', ready = false`, /executions_finished_at/],
    ['run without ever having been claimed', sql`state = 'RUNNING', ready = false`, /executions_in_flight/],
    ['be cancelled while it runs without running', sql`state = 'CANCELLING', ready = false`, /executions_in_flight/],
    ['have a driver that never began', sql`nonce = gen_random_uuid()`, /executions_nonce/],
    ['be on a cluster without a runner for it', sql`cluster = 'http://ray'`, /executions_cluster/],
    ['run inline on a cluster', sql`runner = 'inline', cluster = 'http://ray'`, /executions_cluster/],
    ['run on Ray without a cluster', sql`runner = 'ray_job'`, /executions_cluster/],
    ['be in a state that there is not', sql`state = 'SLEEPING'`, /execution_state/],
  ])('%s', async (_, set, constraint) => {
    const id = await enqueueOne(database.db());
    await expect(change(id, set)).rejects.toThrow(constraint);
    expect(await rowOf(database.db(), id)).toMatchObject({ state: 'QUEUED', priority: 0, attempt: 0 });
  });
});

describe('a running execution cannot', () => {
  test.each<[string, SQL]>([
    ['be looked after by nobody', sql`check_at = null`],
    ['have been claimed at no time', sql`claimed_at = null`],
    ['be in no attempt', sql`attempt = 0`],
  ])('%s', async (_, set) => {
    const { id } = await startOne(database.db());
    await expect(change(id, set)).rejects.toThrow(/executions_in_flight/);
  });
});

test('two unfinished executions of a task cannot hold one unique key, also not by a way back from the end', async () => {
  const db = database.db();
  const failed = await enqueueOne(db, { uniqueKey: 'k' });
  await putInState(db, failed, 'FAILED');
  await enqueueOne(db, { uniqueKey: 'k' });
  await expect(putInState(db, failed, 'QUEUED')).rejects.toMatchObject({ code: 'unique_key_taken' });
});

describe('an attempt in history cannot', () => {
  test.each<[string, SQL]>([
    ['still run', sql`state = 'RUNNING'`],
    ['have a value without having succeeded', sql`state = 'FAILED'`],
    ['have an inline value that is missing', sql`result = null`],
    ['have a value in a store that is not named', sql`result_state = 'stored', result = null`],
    ['have both a value and none', sql`result_state = 'none'`],
    ['have a value of a kind that there is not', sql`result_state = 'somewhere'`],
  ])('%s', async (_, set) => {
    const db = database.db();
    await finish(db, await startOne(db));
    await expect(db.execute(sql`update mobula.attempts set ${set}`)).rejects.toThrow(/attempts_(ended|result)/);
  });

  test('be there twice', async () => {
    const db = database.db();
    await finish(db, await startOne(db));
    await expect(db.execute(sql`insert into mobula.attempts select * from mobula.attempts`)).rejects.toThrow(
      /attempts_.*pk/,
    );
  });
});

test('a cluster cannot have fewer than no attempts in flight', async () => {
  const db = database.db();
  await startOnRay(db);
  await expect(db.execute(sql`update mobula.capacity set running = running - 2`)).rejects.toThrow(/capacity_running/);
});

test.each(['', 'k'.repeat(256)])('an idempotency key has 1 to 255 characters', async (key) => {
  const insert = sql`insert into mobula.idempotency_keys (key, request_sha256, execution_ids, created_at)
    values (${key}, ''::bytea, '{}', now())`;
  await expect(database.db().execute(insert)).rejects.toThrow(/idempotency_keys_length/);
});
