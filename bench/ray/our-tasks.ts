import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../test/support/server.ts';
import type { Stage } from './stage.ts';

/** When what happened to an execution, in milliseconds by the machine's clock, which the database's is. */
export interface Times {
  readonly claimedAt: number;
  readonly begunAt: number;
  /** When its outcome was on disk. */
  readonly committedAt: number;
}

/** Enqueues so many small tasks in one call, of those that add two numbers; answers their ids. */
export async function enqueue(server: Server, count: number, name = 'add_numbers'): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1_000) {
    const tasks = Array.from({ length: Math.min(1_000, count - at) }, (_, n) => ({
      task: name,
      input: { a: at + n, b: 1 },
    }));
    const { status, json, text } = await server.call('POST', '/tasks/batch', { tasks });
    if (status !== 201) throw new Error(text);
    ids.push(...json.tasks.map(({ task }: { task: { id: string } }) => task.id));
  }
  return ids;
}

export async function run(server: Server): Promise<void> {
  const { status, text } = await server.call('POST', '/run', {});
  if (status !== 200) throw new Error(text);
}

/** Calls `/run` again and again, as an eager cron would, until all have succeeded. */
export async function driveToEnd({ sql }: Stage, server: Server, ids: readonly string[], pauseMs: number) {
  for (;;) {
    await run(server);
    const [found] = await sql<{ succeeded: number; others: number }>(
      `select count(*) filter (where state = 'SUCCEEDED')::int as succeeded,
        count(*) filter (where finished_at is not null and state <> 'SUCCEEDED')::int as others
      from mobula.executions where id = any($1)`,
      [ids],
    );
    if (found?.others) throw new Error(`${found.others} tasks have failed. ${server.log().slice(-2_000)}`);
    if (found?.succeeded === ids.length) return;
    await sleep(pauseMs);
  }
}

/** Waits, calling nobody but the database, until an execution has succeeded. */
export async function awaitSuccess({ sql }: Stage, id: string, pauseMs: number): Promise<void> {
  for (;;) {
    const [found] = await sql<{ state: string }>('select state from mobula.executions where id = $1', [id]);
    if (found?.state === 'SUCCEEDED') return;
    if (found && !['QUEUED', 'RUNNING'].includes(found.state)) throw new Error(`The task is ${found.state}.`);
    await sleep(pauseMs);
  }
}

/** The times of executions that have ended. */
export async function readTimes({ sql }: Stage, ids: readonly string[]): Promise<Times[]> {
  const ms = (what: string) => `extract(epoch from ${what})::float8 * 1000`;
  return sql(
    `select ${ms('e.claimed_at')} as "claimedAt", ${ms('a.begun_at')} as "begunAt",
      ${ms('pg_xact_commit_timestamp(e.xmin)')} as "committedAt"
    from mobula.executions e join mobula.attempts a on a.execution_id = e.id and a.attempt = e.attempt
    where e.id = any($1)`,
    [ids],
  );
}
