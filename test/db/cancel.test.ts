import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Db } from '../../src/db/db.ts';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import { cancelExecution } from '../../src/db/executions/cancel.ts';
import { recordSubmissions } from '../../src/db/executions/record-submission.ts';
import {
  claim,
  describeDrivers,
  enqueueOne,
  fingerprint,
  finish,
  inlineValue,
  newId,
  putInState,
  rowOf,
  rows,
  startOne,
  startOnRay,
  useDb,
} from './support.ts';

const running = async (db: Db) =>
  (await rows<{ running: number }>(db, sql`select running from mobula.capacity`)).map((row) => row.running);
const history = (db: Db, id: string) =>
  rows(db, sql`select attempt, state, result_state from mobula.attempts where execution_id = ${id}`);
const begin = (db: Db, { id, attempt }: { id: string; attempt: number }, nonce = newId()) =>
  beginAttempt(db, { id, attempt, nonce, checkSeconds: 5 });

describeDrivers(({ db }) => {
  test('what waits is CANCELLED at once, has no attempt in its history, and is never claimed', async () => {
    const id = await enqueueOne(db());
    expect(await cancelExecution(db(), id)).toEqual({
      before: 'QUEUED',
      after: 'CANCELLED',
      attempt: 0,
      onCluster: false,
      sharedJob: null,
    });
    expect(await rowOf(db(), id)).toMatchObject({ state: 'CANCELLED', ready: false, finished_at: expect.any(String) });
    expect(await claim(db())).toEqual([]);
    expect(await history(db(), id)).toEqual([]);
  });

  test('what was submitted and has not begun is CANCELLED at once: its slot is free, its gate is shut', async () => {
    const claimed = await startOnRay(db());
    await startOnRay(db());
    expect(await running(db())).toEqual([2]);
    const answer = await cancelExecution(db(), claimed.id);
    expect(answer).toEqual({ before: 'RUNNING', after: 'CANCELLED', attempt: 1, onCluster: true, sharedJob: null });
    expect(await running(db())).toEqual([1]);
    expect(await history(db(), claimed.id)).toEqual([{ attempt: 1, state: 'CANCELLED', result_state: 'none' }]);
    expect(await rowOf(db(), claimed.id)).toMatchObject({ holder: null, check_at: null, epoch: claimed.epoch + 1 });
    const before = await fingerprint(db(), claimed.id);
    expect(await begin(db(), claimed)).toBeNull();
    expect(await finish(db(), { ...claimed, ending: 'NEVER_BEGAN' })).toEqual([]);
    expect(await fingerprint(db(), claimed.id)).toBe(before);
  });

  test.each(['SUCCEEDED', 'FAILED', 'CANCELLED'] as const)(
    'what has begun is CANCELLING until its driver says %s, and then CANCELLED without a value',
    async (ending) => {
      const claimed = await startOnRay(db());
      const nonce = newId();
      await begin(db(), claimed, nonce);
      expect(await cancelExecution(db(), claimed.id)).toMatchObject({ before: 'RUNNING', after: 'CANCELLING' });
      expect(await running(db())).toEqual([1]);
      const result = ending === 'SUCCEEDED' ? inlineValue('"dropped"') : null;
      const [end] = await finish(db(), { ...claimed, epoch: null, nonce, ending, result, retryable: true });
      expect(end).toMatchObject({ id: claimed.id, state: 'CANCELLED' });
      expect(await history(db(), claimed.id)).toEqual([{ attempt: 1, state: 'CANCELLED', result_state: 'none' }]);
      expect(await running(db())).toEqual([0]);
    },
  );

  test('inline code has begun with its claim, so it is CANCELLING, and its invocation may still end it', async () => {
    const claimed = await startOne(db());
    expect(await cancelExecution(db(), claimed.id)).toEqual({
      before: 'RUNNING',
      after: 'CANCELLING',
      attempt: 1,
      onCluster: false,
      sharedJob: null,
    });
    expect(await finish(db(), claimed)).toMatchObject([{ id: claimed.id, state: 'CANCELLED' }]);
  });

  test('a second cancel of what is CANCELLING is answered the same and changes no byte', async () => {
    const { id } = await startOne(db());
    await cancelExecution(db(), id);
    const before = await fingerprint(db(), id);
    expect(await cancelExecution(db(), id)).toMatchObject({ before: 'CANCELLING', after: 'CANCELLING' });
    expect(await fingerprint(db(), id)).toBe(before);
  });

  test.each(['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'])(
    'what is %s stays so, byte by byte',
    async (state) => {
      const { id } = await startOne(db());
      await putInState(db(), id, state);
      const before = await fingerprint(db(), id);
      expect(await cancelExecution(db(), id)).toMatchObject({ before: state, after: state });
      expect(await fingerprint(db(), id)).toBe(before);
    },
  );

  test('an id that nothing has is answered by null', async () => {
    expect(await cancelExecution(db(), newId())).toBeNull();
  });

  test('the version grows by one with each decision', async () => {
    const waiting = await enqueueOne(db());
    const { id } = await startOne(db());
    for (const one of [waiting, id]) {
      const { version } = await rowOf(db(), one);
      await cancelExecution(db(), one);
      expect((await rowOf(db(), one))['version']).toBe(Number(version) + 1);
    }
  });

  test('a submission that ends after the cancel is not recorded', async () => {
    const claimed = await startOnRay(db());
    await cancelExecution(db(), claimed.id);
    const before = await fingerprint(db(), claimed.id);
    await recordSubmissions(db(), [{ ...claimed, session: 'a' }], { accepted: 5, unknown: 5 });
    expect(await fingerprint(db(), claimed.id)).toBe(before);
  });
});

describe('a cancel that meets', () => {
  const database = useDb();
  const clients: Db[] = [];
  beforeAll(async () => {
    for (let count = 0; count < 4; count += 1) clients.push(connectDatabase(database.url()));
    await Promise.all(clients.map((client) => client.execute(sql`select 1`)));
  });
  afterAll(() => Promise.all(clients.map((client) => client.close())));
  const [one, two, three] = [() => clients[0]!, () => clients[1]!, () => clients[2]!];

  test('a completion: one decides, both are told, and the row says the same', async () => {
    for (let round = 0; round < 60; round += 1) {
      const claimed = await startOne(database.db());
      const [cancelled, again, ended] = await Promise.all([
        cancelExecution(one(), claimed.id),
        round % 2 ? cancelExecution(two(), claimed.id) : null,
        finish(three(), { ...claimed, result: inlineValue('7') }),
      ]);
      expect(ended).toHaveLength(1);
      const state = ended[0]?.state;
      const wasFirst = [cancelled, again].some((answer) => answer?.before === 'RUNNING');
      expect(state).toBe(wasFirst ? 'CANCELLED' : 'SUCCEEDED');
      if (!wasFirst) expect(cancelled).toMatchObject({ before: 'SUCCEEDED', after: 'SUCCEEDED' });
      expect(await rowOf(database.db(), claimed.id)).toMatchObject({ state });
      expect(await history(database.db(), claimed.id)).toEqual([
        { attempt: 1, state, result_state: state === 'SUCCEEDED' ? 'inline' : 'none' },
      ]);
    }
  });

  test('a begin: either the gate opens and the cancel waits for the code, or it never opens', async () => {
    for (let round = 0; round < 40; round += 1) {
      const claimed = await startOnRay(database.db());
      const [cancelled, begun] = await Promise.all([cancelExecution(one(), claimed.id), begin(two(), claimed)]);
      expect(cancelled?.after).toBe(begun ? 'CANCELLING' : 'CANCELLED');
    }
    const [row] = await rows<{ n: number }>(
      database.db(),
      sql`select count(*)::integer as n from mobula.executions where state = 'CANCELLING'`,
    );
    expect(await running(database.db())).toEqual([row?.n]);
  });

  test('a claim: it is either never claimed, or cancelled as what runs', async () => {
    for (let round = 0; round < 40; round += 1) {
      const id = await enqueueOne(database.db());
      const [cancelled, claimed] = await Promise.all([cancelExecution(one(), id), claim(two())]);
      expect(cancelled?.before).toBe(claimed.length === 1 ? 'RUNNING' : 'QUEUED');
      expect(await rowOf(database.db(), id)).toMatchObject({ state: cancelled?.after, attempt: claimed.length });
    }
  });
});
