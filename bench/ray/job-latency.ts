import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../test/support/server.ts';
import { quantile, shuffled } from '../rounds.ts';
import type { Section } from '../section.ts';
import { pollMs, runBareJob } from './bare-job.ts';
import { awaitSuccess, enqueue, readTimes, run } from './our-tasks.ts';
import type { Stage } from './stage.ts';

const goal = 1.15;
/** Between one job and the next, so that Ray's cleaning up after one is not the next one's time. */
export const restMs = 500;

interface OurJob {
  readonly total: number;
  /** To the answer of `/run`, by when Ray has taken the job. */
  readonly taken: number;
  readonly begun: number;
}

/** One job at a time: how long from asking for it until it is finished. */
export async function measureLatency(stage: Stage, server: Server, count: number): Promise<Section> {
  await runOurs(stage, server); // Brings the driver to the cluster, and warms both sides.
  await runBare(stage);
  const ours: OurJob[] = [];
  const bare: number[] = [];
  const turns = {
    ours: async () => ours.push(await runOurs(stage, server)),
    bare: async () => bare.push(await runBare(stage)),
  };
  for (let round = 0; round < count; round += 1) {
    for (const side of shuffled(['ours', 'bare'] as const)) {
      await turns[side]();
      await sleep(restMs);
    }
  }
  const totals = ours.map(({ total }) => total);
  const at = (list: readonly number[], share: number) => quantile(list, share).toFixed(0);
  const ratio = quantile(totals, 0.5) / quantile(bare, 0.5);
  const part = (read: (job: OurJob) => number) => at(ours.map(read), 0.5);
  return {
    title: 'Ray: one `ray_job` at a time beside a bare submission',
    notes: [
      `Ours: from before \`POST /tasks\`, through \`POST /run\`, until the outcome is committed, by Postgres's own commit instant.
Bare: from before \`POST /api/jobs/\` of \`python -c pass\` with the same runtime environment until the end that Ray
notes; both by this machine's clock, ${count} of each, taking turns, with the poller of either side looking every ${pollMs} ms.`,
      `Of our median: \`/run\` answers after ${part(({ taken }) => taken)} ms, with the job taken by Ray; the driver has begun after
${part(({ begun }) => begun)} ms; its outcome is committed ${part(({ total, begun }) => total - begun)} ms later.`,
    ],
    columns: ['', 'p50 ms', 'p95 ms', 'p50 ratio', `≤ ${goal}`],
    rows: [
      ['`ray_job`', at(totals, 0.5), at(totals, 0.95), ratio.toFixed(2), ratio <= goal ? 'yes' : 'no'],
      ['bare submission', at(bare, 0.5), at(bare, 0.95), '', ''],
    ],
  };
}

async function runOurs(stage: Stage, server: Server): Promise<OurJob> {
  const from = Date.now();
  const [id = ''] = await enqueue(server, 1);
  await run(server);
  const taken = Date.now() - from;
  await awaitSuccess(stage, id, pollMs);
  const [times] = await readTimes(stage, [id]);
  if (!times) throw new Error('The execution has gone.');
  return { total: times.committedAt - from, taken, begun: times.begunAt - from };
}

async function runBare({ ray }: Stage): Promise<number> {
  const from = Date.now();
  return (await runBareJob(ray)).endedAt - from;
}
