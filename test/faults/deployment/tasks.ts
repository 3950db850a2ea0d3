import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { task } from 'mobula';
import * as z from 'zod';
import type { LedgerLine } from '../../support/ledger.ts';

// A deployment whose code keeps a ledger of its runs, in the file that MOBULA_TEST_LEDGER names.

const path = process.env['MOBULA_TEST_LEDGER'] ?? '';
const input = z.object({
  ms: z.number().default(0),
  /** How long attempts after the first take; as long, unless said. */
  later_ms: z.number().optional(),
  /** Fails in attempts up to this one. */
  failures: z.int().default(0),
});

type Run = { readonly id: string; readonly attempt: number };

function note({ id, attempt }: Run, what: LedgerLine['what']): void {
  const line: LedgerLine = { id, attempt, pid: process.pid, what, at: Number(process.hrtime.bigint()) };
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/** Runs here. It ends as soon as it is told to. */
export const inline = task({
  name: 'inline',
  input,
  retry: { backoffSeconds: 0 },
  async run({ ms, later_ms = ms, failures }, { id, attempt, signal }) {
    note({ id, attempt }, 'start');
    signal.addEventListener('abort', () => note({ id, attempt }, 'told_to_end'));
    try {
      await sleep(attempt === 1 ? ms : later_ms, undefined, { signal });
    } finally {
      note({ id, attempt }, 'end');
    }
    if (attempt <= failures) throw new Error('on purpose');
    return attempt;
  },
});

const ray = { callable: 'ledger_code:run' };

/** Runs on Ray, by the same rules. */
export const onRay = task({ name: 'on_ray', input, retry: { backoffSeconds: 0 }, ray });

/** The same, for which two attempts at once do no harm. */
export const idempotentOnRay = task({
  name: 'idempotent_on_ray',
  input,
  idempotent: true,
  retry: { backoffSeconds: 0 },
  ray,
});

/** The same, three in a job. */
export const inCompany = task({
  name: 'in_company',
  input,
  retry: { backoffSeconds: 0 },
  ray: { ...ray, executionsPerJob: 3 },
});
