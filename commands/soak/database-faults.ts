import { setTimeout as sleep } from 'node:timers/promises';
import { bounds, seconds } from './bounds.ts';
import { always, during, type FaultKind, type Scene } from './fault-kind.ts';
import type { Parts } from './parts.ts';

/** A statement's own words, by which the reply to it is found. */
const lostReplies = [
  ['enqueue', 'insert into mobula.executions'],
  ['claim', 'with due as materialized'],
  ['finish', 'insert into mobula.attempts'],
] as const;

type Strike = (scene: Scene) => Promise<unknown>;

const strikes: Readonly<Record<string, Strike>> = {
  'Postgres killed': async ({ parts: { postgres }, dice }) => {
    await postgres.kill();
    await sleep(dice.between(0, 2_000));
    await postgres.start();
  },
  'one process of Postgres killed': async ({ parts: { postgres } }) => {
    const [found] = await postgres.sql<{ pid: number }>(`select pid ${otherSessions} limit 1`);
    if (found) process.kill(found.pid, 'SIGKILL');
    await sleep(500);
  },
  'sessions terminated, 2 per second': async ({ parts: { postgres } }) => {
    for (let n = 0; n < 6; n += 1) {
      await postgres.sql(`select pg_terminate_backend(pid) ${otherSessions}`);
      await sleep(500);
    }
  },
  'database read-only': async ({ parts, dice }) => {
    await setReadOnly(parts, 'on');
    await sleep(dice.between(1_000, 3_000));
    await setReadOnly(parts, 'off');
  },
  'connections to the database reset': async ({ parts: { postgres }, dice }) => {
    for (let n = 0; n < 5; n += 1) {
      postgres.proxy.reset();
      await sleep(dice.between(50, 500));
    }
  },
  'database cut off': ({ parts: { postgres }, dice }) =>
    during(postgres.proxy, (proxy) => proxy.cut(), dice.between(1, 1.5 * seconds.lease)),
  'database silent': ({ parts: { postgres }, dice }) =>
    during(postgres.proxy, (proxy) => proxy.blackHole(), dice.between(1, 1.5 * seconds.lease)),
  'database slow': ({ parts: { postgres }, dice }) =>
    during(postgres.proxy, (proxy) => proxy.delay(dice.between(50, 400)), dice.between(2, 5)),
  ...Object.fromEntries(
    lostReplies.map(([name, words]): [string, Strike] => [
      `reply lost: ${name}`,
      ({ parts: { postgres } }) => postgres.proxy.next(words, 'swallow_reply'),
    ]),
  ),
};

export const databaseFaults: readonly FaultKind[] = Object.entries(strikes).map(([name, strike]) => ({
  name,
  hits: 'inline',
  boundSeconds: bounds.deadInvocation,
  strike: always(strike),
}));

const otherSessions = `from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`;

async function setReadOnly({ postgres }: Parts, value: 'on' | 'off'): Promise<void> {
  await postgres.sql(`alter system set default_transaction_read_only = '${value}'`);
  await postgres.sql('select pg_reload_conf()');
}
