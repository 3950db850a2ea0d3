import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './api.ts';
import type { FaultKind, Scene } from './fault-kind.ts';
import { faultKinds } from './faults.ts';
import type { Parts } from './parts.ts';

/** One fault, and how long after its end Mobula was as before. */
export interface Strike {
  readonly kind: FaultKind;
  /** Until every server answered, and a new execution went through. */
  readonly servedAfterSeconds: number;
  /** Until all that it could hit had ended or moved on: the attempts that ran when it began. */
  readonly settledAfterSeconds: number;
}

export const giveUpSeconds = 90;

/** Lets faults happen one after the other, every kind in each round, until the time is up. */
export async function injectFaults(scene: Scene, minutes: number, onStrike: (strike: Strike) => void): Promise<void> {
  const endMs = performance.now() + minutes * 60_000;
  while (performance.now() < endMs) {
    for (const kind of scene.dice.shuffle(faultKinds)) {
      if (performance.now() >= endMs) return;
      await sleep(scene.dice.between(500, 2_000));
      const strike = await strikeOnce(scene, kind);
      if (strike) onStrike(strike);
    }
  }
}

async function strikeOnce(scene: Scene, kind: FaultKind): Promise<Strike | null> {
  const victims = await inFlight(scene.parts, kind);
  if (!(await kind.strike(scene))) return null;
  const overMs = performance.now();
  const since = () => (performance.now() - overMs) / 1_000;
  await serve(scene.parts);
  const servedAfterSeconds = since();
  while ((await inFlight(scene.parts, kind)).intersection(victims).size > 0 && since() < giveUpSeconds)
    await sleep(100);
  return { kind, servedAfterSeconds, settledAfterSeconds: since() };
}

/** Attempts that run now and that such a fault can cost, as `<id> <attempt>`. */
async function inFlight({ postgres }: Parts, { hits }: FaultKind): Promise<Set<string>> {
  const rows = await postgres.sql<{ id: string; attempt: number }>(
    `select id, attempt from mobula.executions
     where state in ('RUNNING', 'CANCELLING') and begun_at is not null and (runner = 'inline') = $1`,
    [hits === 'inline'],
  );
  return new Set(rows.map(({ id, attempt }) => `${id} ${attempt}`));
}

/** Every server is ready, and takes an execution from its enqueue to its value. */
async function serve({ servers }: Parts): Promise<void> {
  for (const until = performance.now() + giveUpSeconds * 1_000; performance.now() < until; await sleep(50)) {
    const well = await Promise.all(servers.map(isWell));
    if (well.every(Boolean)) return;
  }
}

async function isWell(server: Parts['servers'][number]): Promise<boolean> {
  const wish = { task: 'inline', input: {}, priority: 100, max_attempts: 50 };
  const made = await ask(server, 'POST', '/tasks', { body: wish, seconds: 3 });
  if (made?.status !== 201) return false;
  const done = await ask(server, 'POST', `/execute/${made.json.task.id}`, { body: {}, seconds: 3 });
  // A cron may have been faster.
  return done !== null && (done.json?.task?.state === 'SUCCEEDED' || done.status === 409);
}
