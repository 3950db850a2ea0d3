import { limits } from '../../src/core/limits.ts';
import { awaitChange } from '../../src/engine/await-change.ts';
import { cancel } from '../../src/engine/cancel.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { enqueueExecutions } from '../../src/engine/enqueue.ts';
import { execute } from '../../src/engine/execute.ts';
import { purge, remove } from '../../src/engine/purge.ts';
import { reset, retry } from '../../src/engine/retry.ts';
import { run } from '../../src/engine/run.ts';
import { ask } from './app/network.ts';
import type { Order, Wish } from './plan/plan.ts';
import { type Behaviour, simulatedTasks } from './plan/user-code.ts';
import type { World } from './world.ts';

const patienceSeconds = 15;
const tries = 6;

/** The ids that wishes got, by their number in the plan. */
type Known = Map<number, string>;

/** Waits in the simulation's time; clients never die. */
const pause = (world: World, seconds: number): Promise<void> =>
  new Promise((resolve) => world.scheduler.after(seconds * 1_000, resolve));

/** Starts all who want something of the app, each at the time of its plan. */
export function startClients(world: World): void {
  const { plan, scheduler } = world;
  const known: Known = new Map();
  const send = (atSeconds: number, errand: () => Promise<void>) => {
    world.busyClients += 1;
    scheduler.after(atSeconds * 1_000, async () => {
      void errand().finally(() => {
        world.busyClients -= 1;
      });
    });
  };
  plan.wishes.forEach((wish, number) => {
    const learn = (id: string) => void known.set(number, id);
    send(wish.atSeconds, () => enqueueInsistently(world, wish, learn));
  });
  for (const order of plan.orders) {
    send(order.atSeconds, () => carryOut(world, order, known));
  }
}

/** Enqueues, insistently: a client with an idempotency key asks until it is answered, others give up or make another. */
async function enqueueInsistently(world: World, wish: Wish, known: (id: string) => void): Promise<void> {
  const { dice, ledger, scheduler } = world;
  for (let tried = 0; tried < tries; tried += 1) {
    const asking = { verb: 'enqueue', about: null, from: null, patienceSeconds };
    const reply = await ask(world, asking, (engine) => enqueueOnce(engine, wish));
    if (reply.kind === 'answered' && reply.value) {
      const { execution, created } = reply.value;
      const { idempotencyKey, uniqueKey } = wish;
      ledger.acknowledged.push({ id: execution.id, idempotencyKey, uniqueKey, created, step: scheduler.step() });
      known(execution.id);
      return void (await expectReadable(world, execution.id));
    }
    if (reply.kind === 'answered' && reply.status < 500 && reply.status !== 409) return;
    if (wish.idempotencyKey === undefined && dice.chance(0.5)) return;
    await pause(world, dice.between(0.2, 5));
  }
}

/** What makes the input of some too long to come along with its claim. */
const ballastOf = ({ bytes, isShared }: Behaviour): string =>
  bytes > 1_000 && !isShared ? 'x'.repeat(limits.claimedInputBytes) : '';

async function enqueueOnce(engine: Engine, wish: Wish) {
  const task = simulatedTasks.get(wish.task)!;
  const input = JSON.stringify({ ...wish.behaviour, ballast: ballastOf(wish.behaviour) });
  const { priority, delaySeconds, timeoutSeconds, maxAttempts, uniqueKey, idempotencyKey } = wish;
  const options = { priority, delaySeconds, timeoutSeconds, maxAttempts, uniqueKey };
  const request = { task: wish.task, input, ...options };
  const key = idempotencyKey ? { key: idempotencyKey, request: JSON.stringify(request) } : null;
  const [answer] = await enqueueExecutions(engine, [{ task, request }], key);
  return answer!;
}

/** Whoever was told that it is stored can read it at once. */
async function expectReadable(world: World, id: string): Promise<void> {
  const asking = { verb: 'status', about: id, from: null, patienceSeconds };
  const reply = await ask(world, asking, (engine) => awaitChange(engine, { id, seconds: 0 }));
  if (reply.kind === 'answered' && reply.status === 200 && reply.value === null) {
    world.unreadable.push({ id, step: world.scheduler.step() });
  }
}

/** Does what one order says, once; what comes of it is for the invariants to judge. */
async function carryOut(world: World, order: Order, known: Known): Promise<void> {
  const { dice } = world;
  const id = known.get(order.wish);
  const seconds = dice.pick([2, 8, 20]);
  const send = (about: string | null, work: (engine: Engine) => Promise<unknown>) =>
    ask(world, { verb: order.kind, about, from: null, patienceSeconds: 60 }, work);
  if (order.kind === 'run') return void (await runOnce(world, dice.pick([0, 0, 1, 2]), seconds));
  if (order.kind === 'run_one') return void (await runOnce(world, 1, seconds));
  if (order.kind === 'purge') return void (await send(null, (engine) => purgeAll(engine, dice.pick([0, 20]))));
  if (order.kind === 'reset') {
    const scope = { state: dice.pick(['FAILED', 'LOST', 'CANCELLED'] as const), queue: null, task: null };
    return void (await send(null, (engine) => reset(engine, scope, seconds)));
  }
  if (id === undefined) return;
  const options = { id, allowRetry: dice.chance(0.5), force: dice.chance(0.5), seconds };
  const about: Record<string, (engine: Engine) => Promise<unknown>> = {
    execute: (engine) => execute(engine, options),
    cancel: (engine) => cancel(engine, id),
    retry: (engine) => retry(engine, id),
    remove: (engine) => remove(engine, id),
    status: (engine) => awaitChange(engine, { id, seconds }),
  };
  await send(id, about[order.kind]!);
}

/** Everything final that ended so many seconds ago. */
const purgeAll = (engine: Engine, seconds: number) =>
  purge(engine, { days: seconds / 86_400, batchSize: 1_000, dryRun: false, seconds: 20 });

/** One trigger. Nobody waits for its answer. */
export async function runOnce(world: World, maxTasks: number, seconds: number): Promise<void> {
  const asking = { verb: 'run', about: null, from: null, patienceSeconds: 60 };
  await ask(world, asking, (engine) => run(engine, { queues: null, maxTasks, seconds }));
}
