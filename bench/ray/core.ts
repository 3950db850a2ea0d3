import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../../infra/local/free-port.ts';
import type { Server } from '../../test/support/server.ts';
import { type Loader, startLoader, writeRequest } from '../http/loader.ts';
import { quantile, shuffled } from '../rounds.ts';
import type { Section } from '../section.ts';
import { readJobLog, runBareJob } from './bare-job.ts';
import { driveToEnd, enqueue } from './our-tasks.ts';
import type { Stage } from './stage.ts';

const root = join(import.meta.dirname, '../..');
const goal = { ofJobs: 200, ofNative: 0.7 };
const chunk = 100;
const inFlight = 32;
const pauseMs = 20;

/** Tasks a second, each way. */
interface Rates {
  readonly ours: number;
  readonly oneByOne: number;
  readonly inChunks: number;
  readonly route: number;
}
type Way = keyof Rates;

/** Small tasks through the gateway, beside what runs in the cluster itself and beside a route of Ray Serve. */
export async function measureCore(
  stage: Stage,
  { count, rounds, jobsPerSecond }: { count: number; rounds: number; jobsPerSecond: number },
): Promise<Section> {
  const port = await findFreePort();
  await deployPlainRoute(stage, port);
  await deployGateway(stage, port);
  const server = await stage.serve({
    MOBULA_RUNNER: 'ray_core',
    MOBULA_RAY_CORE_ADDRESS: `http://127.0.0.1:${port}/mobula`,
    MOBULA_DEFAULT_CONCURRENCY: '1000',
  });
  const loader = startLoader();
  const found: Record<Way, number[]> = { ours: [], oneByOne: [], inChunks: [], route: [] };
  const turns = {
    ours: async () => ({ ours: await runOurs(stage, server, count) }),
    native: () => runNative(stage, count),
    route: async () => ({ route: await callRoute(loader, port, rounds) }),
  };
  await runOurs(stage, server, count); // The gateway has learnt then how long such a task takes.
  for (let round = 0; round < rounds; round += 1) {
    for (const turn of shuffled(['ours', 'native', 'route'] as const)) {
      for (const [way, rate] of Object.entries(await turns[turn]())) found[way as Way].push(rate);
      await sleep(500);
    }
  }
  loader.stop();
  const rates = Object.fromEntries(Object.entries(found).map(([way, list]) => [way, quantile(list, 0.5)])) as unknown;
  return toSection(rates as Rates, { count, rounds, jobsPerSecond });
}

function toSection(rates: Rates, how: { count: number; rounds: number; jobsPerSecond: number }): Section {
  const row = (what: string, rate: number, least?: number): string[] => {
    const ratio = rates.ours / rate;
    const met = least === undefined ? '' : `≥ ${least}: ${ratio >= least ? 'yes' : 'no'}`;
    return [what, rate.toFixed(rate < 10 ? 1 : 0), ratio.toFixed(ratio < 10 ? 2 : 0), met];
  };
  return {
    title: 'Ray: small tasks through `ray_core`',
    notes: [
      `${how.count} tasks that add two numbers; medians of ${how.rounds} rounds, all ways taking turns. \`ray_core\`: from the first
\`/run\` until the last outcome is committed, with the tasks enqueued before, one worker, and \`/run\` called again ${pauseMs} ms
after each answer. The loops are a driver program in the cluster and one actor, without a database, a retry or a
record: each call awaited before the next, and ${chunk} under way at once. The route adds in Serve's own process: one HTTP
call for each task, ${inFlight} under way.`,
    ],
    columns: ['', 'tasks/s', '`ray_core` is so many times it', 'goal'],
    rows: [
      ['`ray_core`', rates.ours.toFixed(0), '', ''],
      ['`ray_job`', ...row('', how.jobsPerSecond, goal.ofJobs).slice(1)],
      row('loop in the cluster, one call after another', rates.oneByOne, goal.ofNative),
      row(`loop in the cluster, in chunks of ${chunk}`, rates.inChunks),
      row('a plain route of Ray Serve', rates.route),
    ],
  };
}

async function runOurs(stage: Stage, server: Server, count: number): Promise<number> {
  const ids = await enqueue(server, count);
  const from = performance.now();
  await driveToEnd(stage, server, ids, pauseMs);
  return (count * 1_000) / (performance.now() - from);
}

async function runNative({ ray }: Stage, count: number): Promise<Pick<Rates, 'oneByOne' | 'inChunks'>> {
  const { id } = await runBareJob(ray, `python ${join(import.meta.dirname, 'native_loop.py')} ${count} ${chunk}`, {});
  const log = (await readJobLog(ray, id)).trim().split('\n');
  const seconds = JSON.parse(log.find((line) => line.startsWith('{')) ?? '{}');
  return { oneByOne: count / seconds.one, inChunks: count / seconds.chunks };
}

async function callRoute(loader: Loader, port: number, rounds: number): Promise<number> {
  const request = writeRequest({ method: 'POST', path: '/plain', body: { a: 1, b: 2 } });
  const load = {
    port,
    requests: [request],
    status: 200,
    connections: inFlight,
    seconds: rounds > 1 ? 3 : 1,
    rate: null,
  };
  return (await loader.run(load)).rate;
}

async function deployPlainRoute({ ray }: Stage, port: number): Promise<void> {
  const application = {
    name: 'plain',
    route_prefix: '/plain',
    import_path: 'plain_route:app',
    runtime_env: { env_vars: { PYTHONPATH: import.meta.dirname } },
  };
  const config = {
    proxy_location: 'EveryNode',
    http_options: { host: '127.0.0.1', port },
    applications: [application],
  };
  const path = '/api/serve/applications/';
  const answer = await ray.put(path, new TextEncoder().encode(JSON.stringify(config)), { timeoutMs: 60_000 });
  if (answer.kind !== 'answered' || answer.status !== 200) throw new Error(JSON.stringify(answer));
  for (let status = ''; status !== 'RUNNING'; await sleep(300)) {
    const seen = await ray.get(path, { timeoutMs: 15_000 });
    status = seen.kind === 'answered' ? JSON.parse(seen.text).applications?.plain?.status : '';
    if (status === 'DEPLOY_FAILED') throw new Error('Serve does not take the plain route.');
  }
}

/** As a person would, with one worker beside one actor. */
async function deployGateway({ rayUrl, secret }: Stage, port: number): Promise<void> {
  const args = ['deploy', '--port', String(port), '--workers-min', '1', '--workers-max', '1'];
  const child = spawn(process.execPath, [join(root, 'commands/gateway.ts'), ...args], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      RAY_ADDRESS: rayUrl,
      MOBULA_SECRET: secret,
      MOBULA_PUBLIC_URL: 'http://127.0.0.1:9',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error('The gateway was not deployed.');
}
