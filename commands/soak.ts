import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signal } from '../infra/local/processes.ts';
import { ask } from './soak/api.ts';
import { seconds } from './soak/bounds.ts';
import { makeDice } from './soak/dice.ts';
import { injectFaults, type Strike } from './soak/inject.ts';
import { judge } from './soak/judge.ts';
import { startLoad } from './soak/load.ts';
import { type Parts, startParts } from './soak/parts.ts';
import { findLate, writeReport } from './soak/report.ts';
import { startWitness } from './soak/witness.ts';

// `npm run soak [-- --minutes 10 --seed n --write file]`: three servers, a Postgres and a Ray under load and under faults of
// every kind, one after the other; then the judgement, and a report. Ends with 1 where a promise was broken.

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, write: { type: 'string' } },
});
const minutes = Number(values.minutes ?? 10);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write('The soak takes --minutes (more than 0), --seed (a whole number) and --write (a file).\n');
  process.exit(2);
}

const say = (line: string) => void process.stderr.write(`${line}\n`);
process.exit(await soak());

/** Answers the exit code. */
async function soak(): Promise<number> {
  say(`Soaking for ${minutes} minutes with --seed ${seed}. Starting the parts…`);
  await using parts = await startParts(3, say);
  endWithUs(parts);
  const dice = makeDice(seed);
  const isServer = (pid: number) => parts.servers.some((server) => server.pid === pid);
  const witness = startWitness(parts.ledgerPath, isServer);
  const frozen = new Set<number>();
  const strikes: Strike[] = [];
  const cron = startCrons(parts);
  const load = startLoad(parts.servers, makeDice(seed + 1));
  await sleep(2_000);
  await injectFaults({ parts, dice, witness, frozen }, minutes, (strike) => {
    strikes.push(strike);
    say(
      `${strike.kind.name}: serves after ${strike.servedAfterSeconds.toFixed(1)} s, settled after ${strike.settledAfterSeconds.toFixed(1)} s`,
    );
  });
  await load.stop();
  const judged = await judge(parts, { book: load.book, witness, frozen });
  await cron.stop();
  const violations = [...judged.violations, ...findLate(strikes)];
  const report = writeReport({ minutes, seed, ray: parts.ray.title, book: load.book, strikes, judged, violations });
  process.stdout.write(report);
  if (values.write) writeFileSync(values.write, report);
  return violations.length === 0 ? 0 : 1;
}

/** Each server is told to run once a second, by a cron of its own that waits for the answer of a call before the next. */
function startCrons({ servers }: Parts): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const crons = servers.map(async (_, index) => {
    while (!stopped.signal.aborted) {
      const server = servers[index];
      if (server) await ask(server, 'POST', '/run', { body: {}, seconds: 30 });
      await sleep(seconds.cron * 1_000);
    }
  });
  return {
    async stop() {
      stopped.abort();
      await Promise.all(crons);
    },
  };
}

/** The servers are ours alone to end: all else that was started sees to it by itself when we are gone. */
function endWithUs({ servers }: Parts): void {
  process.on('exit', () => {
    for (const { pid } of servers) signal(pid, 'SIGKILL');
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(1));
}
