import { connectDatabase } from '../../src/db/connect.ts';
import type { Db } from '../../src/db/db.ts';
import { claimInline } from '../../src/db/executions/claim.ts';
import { median } from '../rounds.ts';
import type { Section } from '../section.ts';
import { timed } from './contestant.ts';
import { grouped, yesOrNo } from './race.ts';
import type { Entrant, Stage } from './stage.ts';

/** Of which the first few, where a connection is still learning, do not count. */
const claims = 60;
const unheard = 5;
const goal = 1.3;

export interface ClaimPlan {
  readonly sizes: readonly number[];
  /** Rows that are no business of the claim, in the case where they lie in front. */
  readonly inFront: number;
}

/** What a claim of a hundred costs, by how many rows wait. */
export async function measureClaim(stage: Stage, { sizes, inFront }: ClaimPlan): Promise<Section> {
  const [mobula] = stage.among(['mobula']);
  if (!mobula) throw new RangeError('Mobula has not entered.');
  const db = connectDatabase(mobula.url);
  const first = sizes[0] ?? 0;
  const rows: string[][] = [];
  let base = Number.NaN;
  const note = async (what: string, fills: readonly string[]) => {
    await refill(stage, mobula, fills);
    const ms = await claimMs(db);
    if (rows.length === 0) base = ms;
    const by = ms / base;
    rows.push([what, ms.toFixed(2), by.toFixed(2), yesOrNo(by <= goal)]);
  };
  try {
    for (const size of sizes) await note(`${grouped(size)} due`, [due(size)]);
    await note(`${grouped(first)} due, ${grouped(inFront)} delayed before them`, [delayed(inFront), due(first)]);
    await note(`${grouped(first)} due, ${grouped(inFront)} of another queue before them`, [
      due(inFront, 'a', 100),
      due(first),
    ]);
  } finally {
    await db.close();
    await mobula.clear();
  }
  return {
    title: 'Claim: a hundred by the size of the table',
    notes: [
      `One claim of 100 inline executions, with its commit; the median of ${claims - unheard}, each of other rows. The ratio is by the first row.`,
    ],
    columns: ['the table has', 'ms', 'ratio', `≤ ${goal}`],
    rows,
  };
}

async function refill(stage: Stage, { clear, ask }: Entrant, fills: readonly string[]): Promise<void> {
  await clear();
  for (const fill of fills) await ask(fill);
  await ask(`insert into mobula.inputs (execution_id, input) select id, '{}' from mobula.executions`);
  await ask('vacuum analyze');
  await stage.checkpoint();
}

async function claimMs(db: Db): Promise<number> {
  const times: number[] = [];
  const lanes = [{ form: 'inline', queue: 'default' }] as const;
  for (let n = 0; n < claims; n += 1) {
    const invocationId = crypto.randomUUID();
    times.push(await timed(() => claimInline(db, { lanes, limit: 100, invocationId, leaseSeconds: 60 })));
  }
  return median(times.slice(unheard));
}

const columns = `insert into mobula.executions (id, task, form, queue, priority, max_attempts, enqueued_at, due_at, run_after, ready,
  expires_at, queue_timeout_seconds)`;

/** Due one after the other. */
const due = (count: number, queue = 'default', priority = 0): string => `${columns}
  select uuidv7(), 'nothing', 'inline', '${queue}', ${priority}, 3, at, at, null, true, at + interval '1 day', 86400
  from (select now() - interval '1 hour' + make_interval(secs => n / 10000.0) as at from generate_series(1, ${count}) as n)`;

/** Enqueued before, and due in an hour. */
const delayed = (count: number): string => `${columns}
  select uuidv7(), 'nothing', 'inline', 'default', 0, 3, at, at, at, false, at + interval '1 day', 86400
  from (select now() + interval '1 hour' + make_interval(secs => n / 10000.0) as at from generate_series(1, ${count}) as n)`;
