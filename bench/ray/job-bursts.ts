import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../test/support/server.ts';
import { shuffled } from '../rounds.ts';
import type { Section } from '../section.ts';
import { pollMs, runBareJob } from './bare-job.ts';
import { restMs } from './job-latency.ts';
import { driveToEnd, enqueue, readTimes } from './our-tasks.ts';
import type { Stage } from './stage.ts';

interface Burst {
  readonly parallel: number;
  readonly server: Server;
}

/** Many jobs, so many at a time: how many are finished in a second. Answers our rate at the first of `bursts` too. */
export async function measureBursts(
  stage: Stage,
  bursts: readonly Burst[],
  { count, rounds }: { count: number; rounds: number },
): Promise<{ section: Section; perSecond: number }> {
  const rows: string[][] = [];
  const rates: number[] = [];
  for (const { parallel, server } of bursts) {
    const found = { ours: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      for (const side of shuffled(['ours', 'bare'] as const)) {
        found[side].push(await (side === 'ours' ? burstOurs(stage, server, count) : burstBare(stage, parallel, count)));
        await sleep(restMs);
      }
    }
    const [ours, bare] = [Math.max(...found.ours), Math.max(...found.bare)];
    rates.push(ours);
    rows.push([String(parallel), ours.toFixed(2), bare.toFixed(2), (ours / bare).toFixed(2)]);
  }
  const section: Section = {
    title: 'Ray: many `ray_job`s beside bare submissions',
    notes: [
      `${count} no-op jobs, from the first call to the last end, so many at a time: by MOBULA_DEFAULT_CONCURRENCY and a \`/run\`
every ${pollMs} ms on our side, by as many loops that submit and poll on the other; the better of ${rounds} rounds.`,
    ],
    columns: ['at a time', '`ray_job`/s', 'bare/s', 'ratio'],
    rows,
  };
  return { section, perSecond: rates[0] ?? Number.NaN };
}

/** Small executions that share jobs, ten in each, beside `alone`: such executions a second with a job for each. */
export async function measureSharedJobs(
  stage: Stage,
  server: Server,
  { count, rounds, alone }: { count: number; rounds: number; alone: number },
): Promise<Section> {
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rates.push(await burstOurs(stage, server, count, 'add_together'));
    await sleep(restMs);
  }
  const best = Math.max(...rates);
  return {
    title: 'Ray: small tasks that share `ray_job`s',
    notes: [
      `${count} tasks that add two numbers, with \`executionsPerJob: 10\`, from the enqueue to the last outcome; the better of ${rounds} rounds,
by the rate of one job for each above.`,
    ],
    columns: ['way', 'per second', 'ratio'],
    rows: [
      ['a job for each', alone.toFixed(2), '1.00'],
      ['ten in a job', best.toFixed(2), (best / alone).toFixed(2)],
    ],
  };
}

async function burstOurs(stage: Stage, server: Server, count: number, name?: string): Promise<number> {
  const from = Date.now();
  const ids = await enqueue(server, count, name);
  await driveToEnd(stage, server, ids, pollMs);
  const ends = (await readTimes(stage, ids)).map(({ committedAt }) => committedAt);
  return (count * 1_000) / (Math.max(...ends) - from);
}

async function burstBare({ ray }: Stage, parallel: number, count: number): Promise<number> {
  const from = Date.now();
  let left = count;
  const ends: number[] = [];
  const loop = async () => {
    while (left > 0) {
      left -= 1;
      ends.push((await runBareJob(ray)).endedAt);
    }
  };
  await Promise.all(Array.from({ length: parallel }, loop));
  return (count * 1_000) / (Math.max(...ends) - from);
}
