import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { type Execution, mayMove, rankOf, states } from '../../src/core/execution.ts';
import type { Db } from '../../src/db/db.ts';
import { beatAttempt } from '../../src/db/executions/beat.ts';
import { beginAttempt } from '../../src/db/executions/begin.ts';
import { cancelExecution } from '../../src/db/executions/cancel.ts';
import { claimOneInline } from '../../src/db/executions/claim-one.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import { expireQueued } from '../../src/db/executions/expire.ts';
import { findExecutions } from '../../src/db/executions/find.ts';
import type { Ending } from '../../src/db/executions/finish.ts';
import { promoteDelayed } from '../../src/db/executions/promote.ts';
import { retryExecution } from '../../src/db/executions/retry.ts';
import { takeChecks } from '../../src/db/executions/take-checks.ts';
import { takeLapsed } from '../../src/db/executions/take-lapsed.ts';
import { age, claim, claimForRay, enqueueAll, finish, lane, lapseLeases, newId, rows, useDb } from './support.ts';

// A walk through everything that can happen, in any order, under the eyes of an observer who never looks away.
const database = useDb();
const endings: readonly Ending[] = ['SUCCEEDED', 'FAILED', 'LOST', 'CANCELLED', 'RELEASED', 'NEVER_BEGAN'];
const grants = { byTask: new Map(), otherwise: 2 };

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function diceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Walk {
  readonly db: Db;
  readonly ids: readonly string[];
  /** What writers hold, current or not: the stale ones go on writing. */
  readonly held: Claimed[];
  readonly nonces: Map<string, string>;
  pick<Item>(items: readonly Item[]): Item | undefined;
}

const nonceOf = ({ nonces }: Walk, { id, attempt }: Claimed): string => {
  const key = `${id} ${attempt}`;
  const nonce = nonces.get(key) ?? crypto.randomUUID();
  nonces.set(key, nonce);
  return nonce;
};

/** Everything that may be done to an execution, by anybody. */
const steps: Record<string, (walk: Walk) => Promise<unknown>> = {
  claim: async ({ db, held }) =>
    held.push(...(await claim(db, { lanes: [lane(), lane('default', 'both')], limit: 2 }))),
  claimForRay: async ({ db, held }) => held.push(...(await claimForRay(db, { limit: 2, concurrency: 3 }))),
  claimOne: async ({ db, ids, pick, held }) => {
    const id = pick(ids) ?? '';
    const wish = { id, invocationId: newId(), leaseSeconds: 60, allowRetry: true, force: true, grantedAttempts: 2 };
    const answer = await claimOneInline(db, wish);
    if (answer.kind === 'claimed') held.push(answer.claimed);
  },
  begin: async (walk) => {
    const one = walk.pick(walk.held);
    if (one) await beginAttempt(walk.db, { ...one, nonce: nonceOf(walk, one), checkSeconds: 5 });
  },
  beat: async (walk) => {
    const one = walk.pick(walk.held);
    const progress = walk.pick(['0.5', null]) ?? null;
    if (one) await beatAttempt(walk.db, { ...one, nonce: nonceOf(walk, one), progress });
  },
  finishByEpoch: async ({ db, held, pick }) => {
    const one = pick(held);
    const ending = pick(endings) ?? 'FAILED';
    if (one)
      await finish(db, { ...one, ending, retryable: pick([true, false]) ?? true, delaySeconds: pick([0, 60]) ?? 0 });
  },
  finishByNonce: async (walk) => {
    const one = walk.pick(walk.held);
    const ending = walk.pick(['SUCCEEDED', 'FAILED', 'CANCELLED'] as const) ?? 'FAILED';
    if (one) await finish(walk.db, { ...one, epoch: null, nonce: nonceOf(walk, one), ending, retryable: true });
  },
  cancel: ({ db, ids, pick }) => cancelExecution(db, pick(ids) ?? ''),
  retry: ({ db, ids, pick }) => retryExecution(db, pick(ids) ?? '', grants),
  expire: async ({ db, ids, pick }) => {
    await age(db, pick(ids) ?? '', 'expires_at', 100_000);
    await expireQueued(db, 1);
  },
  promote: async ({ db, ids, pick }) => {
    await age(db, pick(ids) ?? '', 'due_at', 100);
    await promoteDelayed(db, 1);
  },
  recover: async ({ db }) => {
    await lapseLeases(db);
    const lapsed = await takeLapsed(db, 1);
    await finish(db, ...lapsed.map((one) => ({ ...one, ending: 'FAILED' as const, retryable: true })));
  },
  reconcile: async ({ db, pick }) => {
    await lapseLeases(db);
    const checks = await takeChecks(db, 1, 15);
    const ending = pick(['LOST', 'NEVER_BEGAN', 'FAILED'] as const) ?? 'LOST';
    await finish(db, ...checks.map((one) => ({ ...one, ending, retryable: true })));
  },
};

/** What contract §2 promises of any two looks at one execution, the first before the second. */
function compare(before: Execution, after: Execution): string[] {
  const { version: earlier, ...seenBefore } = before;
  const { version: later, ...seenAfter } = after;
  const problems: string[] = [];
  const refuse = (wrong: boolean, what: string) =>
    wrong && problems.push(`${what}: ${before.state}/${before.attempt} -> ${after.state}/${after.attempt}`);
  const isSame = JSON.stringify(seenBefore) === JSON.stringify(seenAfter);
  refuse(isSame ? later < earlier : later <= earlier, 'the version tells otherwise');
  refuse(after.attempt < before.attempt || after.attempt > before.attempt + 1, 'the attempt went astray');
  refuse(after.attempt > after.maxAttempts, 'too many attempts');
  // What waits may be cancelled or expire before its next attempt: the one way down that the table of moves knows.
  const gaveUpWaiting = before.state === 'QUEUED' && (after.state === 'CANCELLED' || after.state === 'EXPIRED');
  const fell = after.attempt === before.attempt && rankOf(after.state) < rankOf(before.state) && !gaveUpWaiting;
  refuse(fell, 'the rank fell');
  const retried = after.attempt > before.attempt && mayMove(before.state, 'QUEUED');
  const legal =
    after.state === before.state || mayMove(before.state, after.state) || (retried && after.state === 'RUNNING');
  refuse(!legal, 'there is no such move');
  return problems;
}

/** What must hold over all rows at any moment. */
const books = sql`select
  (select coalesce(sum(running), 0)::integer from mobula.capacity) as counted,
  (select count(*)::integer from mobula.executions where state in ('RUNNING', 'CANCELLING') and cluster is not null) as in_flight,
  (select coalesce(sum(count), 0)::integer from mobula.final_tallies) as tallied,
  (select count(*)::integer from mobula.executions where finished_at is not null) as final,
  (select count(*)::integer from mobula.attempts) as ended,
  (select coalesce(sum(e.attempt), 0)::integer from mobula.executions e) as begun,
  (select count(*)::integer from mobula.executions where state in ('RUNNING', 'CANCELLING')) as current`;
interface Books {
  readonly counted: number;
  readonly in_flight: number;
  readonly tallied: number;
  readonly final: number;
  readonly ended: number;
  readonly begun: number;
  readonly current: number;
}

const seen = new Set<string>();

test.each([1, 2, 3, 4, 5, 6])('whatever happens in whatever order, no promise is broken (walk %i)', async (seed) => {
  const db = database.db();
  const dice = diceOf(seed);
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(dice() * items.length)];
  const forms = ['inline', 'ray', 'both', 'ray', 'inline', 'ray'] as const;
  const ids = await enqueueAll(
    db,
    forms.map((form) => ({ form, queueTimeoutSeconds: 10_000, maxAttempts: 2 })),
  );
  const walk: Walk = { db, ids, held: [], nonces: new Map(), pick };
  const look = async () => new Map((await findExecutions(db, ids)).map((execution) => [execution.id, execution]));

  let before = await look();
  for (let count = 0; count < 250; count += 1) {
    const name = pick(Object.keys(steps)) ?? 'claim';
    await steps[name]?.(walk);
    const after = await look();
    const problems = ids.flatMap((id) => compare(before.get(id)!, after.get(id)!));
    expect({ step: `${count}: ${name}`, problems }).toEqual({ step: `${count}: ${name}`, problems: [] });
    const [sums] = await rows<Books>(db, books);
    expect(sums).toMatchObject({ counted: sums?.in_flight, tallied: sums?.final, ended: sums!.begun - sums!.current });
    for (const { state } of after.values()) seen.add(state);
    before = after;
  }
});

test('the walks have come through every state', () => {
  expect([...seen].toSorted()).toEqual([...states].toSorted());
});
