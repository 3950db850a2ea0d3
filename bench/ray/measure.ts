import type { Section } from '../section.ts';
import { measureCore } from './core.ts';
import { measureBursts, measureSharedJobs } from './job-bursts.ts';
import { measureLatency } from './job-latency.ts';
import { openStage } from './stage.ts';

const sizes = {
  whole: { jobs: 20, burst: 40, burstRounds: 2, tasks: 2_000, taskRounds: 5 },
  quick: { jobs: 2, burst: 4, burstRounds: 1, tasks: 200, taskRounds: 1 },
};

/** As many as this machine has; Ray starts no more drivers at once than it has CPUs. */
const cpus = 2;

/**
 * Answers what a task on Ray costs beside Ray itself: a job beside a bare submission, and small tasks through the gateway
 * beside a loop in the cluster. The jobs come first, while no Serve is there to share the machine with.
 */
export async function* measure({ quick = false } = {}): AsyncGenerator<Section> {
  const { jobs, burst, burstRounds, tasks, taskRounds } = sizes[quick ? 'quick' : 'whole'];
  await using stage = await openStage(cpus);
  const server = await stage.serve({});
  yield await measureLatency(stage, server, jobs);
  const wide = await stage.serve({ MOBULA_DEFAULT_CONCURRENCY: '30' });
  const bursts = [
    { parallel: 10, server },
    { parallel: 30, server: wide },
  ];
  const { section, perSecond } = await measureBursts(stage, bursts, { count: burst, rounds: burstRounds });
  yield section;
  yield await measureSharedJobs(stage, wide, { count: 5 * burst, rounds: burstRounds, alone: perSecond });
  yield await measureCore(stage, { count: tasks, rounds: taskRounds, jobsPerSecond: perSecond });
}
