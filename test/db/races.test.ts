import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Db } from '../../src/db/db.ts';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import { claimRemote, openCapacity } from '../../src/db/executions/claim.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import { takeLapsed } from '../../src/db/executions/take-lapsed.ts';
import { claim, enqueueAll, finish, lane, lapseLeases, newId, rows, startOnRay, useDb } from './support.ts';

// Twenty clients with a connection each: what one pool would put in a row here truly happens at once.
const database = useDb();
const clients: Db[] = [];
beforeAll(() => {
  for (let count = 0; count < 20; count += 1) clients.push(connectDatabase(database.url()));
});
afterAll(() => Promise.all(clients.map((client) => client.close())));
beforeEach(() => Promise.all(clients.map((client) => client.execute(sql`select 1`))));

const all = <T>(work: (client: Db, index: number) => Promise<T>, count = clients.length): Promise<T[]> =>
  Promise.all(clients.slice(0, count).map(work));
const idsOf = (claimed: readonly { readonly id: string }[]) => claimed.map(({ id }) => id);

describe('twenty claimers', () => {
  test('share two thousand executions: each is claimed once, and none is left', async () => {
    const ids = await enqueueAll(
      database.db(),
      Array.from({ length: 2_000 }, (_, index) => ({ priority: index % 5 })),
    );
    const claimed = await all(async (client) => {
      const mine: Claimed[] = [];
      for (;;) {
        const got = await claim(client, { limit: 17 });
        expect(got.length).toBeLessThanOrEqual(17);
        mine.push(...got);
        if (got.length === 0) return mine;
      }
    });
    expect(idsOf(claimed.flat()).toSorted()).toEqual(ids.toSorted());
    const [row] = await rows(
      database.db(),
      sql`select min(attempt) as least, max(attempt) as most from mobula.executions`,
    );
    expect(row).toEqual({ least: 1, most: 1 });
  });

  test('over several queues at once still claim everything once', async () => {
    const queues = ['a', 'b', 'c', 'd'];
    const ids = await enqueueAll(
      database.db(),
      Array.from({ length: 800 }, (_, index) => ({ queue: queues[index % 4] ?? 'a' })),
    );
    const claimed: Claimed[] = [];
    // What another claimer holds at this moment is passed over, so an empty answer is not yet the end.
    while (claimed.length < ids.length) {
      const got = await all((client) => claim(client, { lanes: queues.map((queue) => lane(queue)), limit: 10 }));
      expect(got.flat().length).toBeGreaterThan(0);
      claimed.push(...got.flat());
    }
    expect(idsOf(claimed).toSorted()).toEqual(ids.toSorted());
  });
});

describe('eight claimers for one cluster', () => {
  const remote = {
    runner: 'ray_job',
    cluster: 'http://ray.test',
    lanes: [lane('default', 'ray')],
    leaseSeconds: 60,
  } as const;
  const runningNow = async () =>
    (await rows<{ running: number }>(database.db(), sql`select running from mobula.capacity`))[0]?.running;
  const inFlight = async () =>
    (
      await rows<{ n: number }>(
        database.db(),
        sql`select count(*)::integer as n from mobula.executions where state = 'RUNNING'`,
      )
    )[0]?.n;

  test('never have more in flight than the cap, and the count is exact at every step', async () => {
    const concurrency = 7;
    await enqueueAll(
      database.db(),
      Array.from({ length: 100 }, () => ({ form: 'ray' as const })),
    );
    await openCapacity(database.db(), remote.runner, remote.cluster);
    const counts: [number, number][] = [];
    let done = 0;
    await all(async (client) => {
      while (done < 100) {
        const got = await claimRemote(client, { ...remote, limit: 3, invocationId: newId(), concurrency });
        const [row] = await rows<{ n: number; running: number }>(
          client,
          sql`select (select count(*)::integer from mobula.executions where state = 'RUNNING') as n, running from mobula.capacity`,
        );
        counts.push([row?.n ?? 0, row?.running ?? 0]);
        const ended = await finish(client, ...got);
        done += ended.length;
      }
    }, 8);
    const most = Math.max(...counts.map(([inFlight]) => inFlight));
    expect(most).toBeLessThanOrEqual(concurrency);
    expect(most).toBeGreaterThan(1);
    expect(counts.filter(([inFlight, counted]) => inFlight !== counted)).toEqual([]);
    expect(await runningNow()).toBe(0);
  });

  test('fill it to the cap together, not one beyond', async () => {
    await enqueueAll(
      database.db(),
      Array.from({ length: 100 }, () => ({ form: 'ray' as const })),
    );
    await openCapacity(database.db(), remote.runner, remote.cluster);
    const got = await all(
      (client) => claimRemote(client, { ...remote, limit: 10, invocationId: newId(), concurrency: 25 }),
      8,
    );
    expect(got.flat()).toHaveLength(25);
    expect([await runningNow(), await inFlight()]).toEqual([25, 25]);
  });
});

test('overlapping batches of outcomes, in opposite orders, end everything once and do not block each other for good', async () => {
  for (let round = 0; round < 3; round += 1) {
    await enqueueAll(
      database.db(),
      Array.from({ length: 500 }, () => ({})),
    );
    const claimed = await claim(database.db(), { limit: 500 });
    const ended = await all((client, index) => finish(client, ...(index % 2 ? claimed : claimed.toReversed())), 10);
    expect(idsOf(ended.flat()).toSorted()).toEqual(idsOf(claimed).toSorted());
  }
});

describe('of writers who meet at one attempt', () => {
  test('twenty drivers, one begins', async () => {
    const { id, attempt } = await startOnRay(database.db());
    const begun = await all((client) =>
      beginAttempt(client, { id, attempt, nonce: crypto.randomUUID(), checkSeconds: 5 }),
    );
    expect(begun.filter((answer) => answer !== null)).toHaveLength(1);
  });

  test('a driver that begins and a verdict that it never began, one is heard', async () => {
    for (let round = 0; round < 20; round += 1) {
      const claimed = await startOnRay(database.db());
      const [begun, ended] = await Promise.all([
        beginAttempt(clients[0]!, { ...claimed, nonce: crypto.randomUUID(), checkSeconds: 5 }),
        finish(clients[1]!, { ...claimed, ending: 'NEVER_BEGAN' }),
      ]);
      expect([begun !== null, ended.length === 1].filter(Boolean)).toHaveLength(1);
    }
  });

  test('a late outcome and a verdict of loss, one is written', async () => {
    await enqueueAll(
      database.db(),
      Array.from({ length: 40 }, () => ({})),
    );
    const held = await claim(database.db(), { limit: 40 });
    await lapseLeases(database.db());
    const [outcomes, verdicts] = await Promise.all([
      finish(clients[0]!, ...held),
      takeLapsed(clients[1]!, 40).then((lapsed) =>
        finish(clients[1]!, ...lapsed.map((one) => ({ ...one, ending: 'FAILED' as const }))),
      ),
    ]);
    expect([...idsOf(outcomes), ...idsOf(verdicts)].toSorted()).toEqual(idsOf(held).toSorted());
    expect(await rows(database.db(), sql`select count(*)::integer as n from mobula.attempts`)).toEqual([{ n: 40 }]);
  });
});
