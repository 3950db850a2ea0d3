import { sql } from 'drizzle-orm';
import type { AttemptState } from '../../../src/core/attempt.ts';
import type { State } from '../../../src/core/execution.ts';
import type { Db } from '../../../src/db/db.ts';
import { invocations, type Lease, type Life } from '../../core/life/life.ts';
import { named } from './statements.ts';

/** What the tables say of an execution, in the words of `Life`, and the sum of the tallies of final states. */
export interface Sight {
  readonly life: Life | null;
  readonly tallied: Partial<Record<State, number>>;
}

interface Row {
  readonly row: Life & { readonly leases: Record<string, Lease> };
  readonly tallied: Partial<Record<State, number>> | null;
  readonly ended: AttemptState[] | null;
  readonly leases: Record<string, Lease> | null;
}

/** Looks past all our code. `nonces` are the names behind the uuids that drivers chose. */
export async function lookAt(db: Db, id: string, nonces: ReadonlyMap<string, string>): Promise<Sight> {
  const [found] = await db.execute<{ json: string }>(sql`
    select json_build_object(
      'row', (select json_build_object(
        'state', e.state, 'attempt', e.attempt, 'maxAttempts', e.max_attempts, 'version', e.version, 'epoch', e.epoch,
        'runner', e.runner, 'nonce', e.nonce, 'holder', e.holder, 'ready', e.ready, 'due', e.due_at <= mobula.clock(),
        'expiry', case when e.expires_at is null then 'never' when e.expires_at <= mobula.clock() then 'passed' else 'ahead' end,
        'checkDue', coalesce(e.check_at <= mobula.clock(), false))
        from mobula.executions e where e.id = ${id}),
      'ended', (select json_agg(state order by attempt) from mobula.attempts where execution_id = ${id}),
      'leases', (select json_object_agg(id, case when lease_until <= mobula.clock() then 'lapsed' else 'live' end) from mobula.invocations),
      'running', (select sum(running) from mobula.capacity),
      'tallied', (select json_object_agg(state, n) from (
        select state, sum(count) as n from mobula.final_tallies group by state having sum(count) <> 0) t))::text as json`);
  const { row, tallied, ended, leases, running }: Row & { running: number } = JSON.parse(found?.json ?? '{}');
  if (!row) return { life: null, tallied: tallied ?? {} };
  const leaseOf = (by: string): Lease => leases?.[named(id, by)] ?? 'none';
  const life: Life = {
    ...row,
    nonce: row.nonce && (nonces.get(row.nonce) ?? row.nonce),
    holder: invocations.find((by) => named(id, by) === row.holder) ?? null,
    leases: { A: leaseOf('A'), B: leaseOf('B') },
    ended: ended ?? [],
    running,
  };
  return { life, tallied: tallied ?? {} };
}
