import { cpus } from 'node:os';
import type { Book } from './book.ts';
import { giveUpSeconds, type Strike } from './inject.ts';
import type { Judged } from './judge.ts';

/** Beside the bound of the contract, for the code that ran on, and for a machine that does all this at once. */
const slackSeconds = 15;

/** Strikes after which Mobula took longer than contract §2 allows. */
export const findLate = (strikes: readonly Strike[]): string[] =>
  strikes
    .filter(({ kind, settledAfterSeconds }) => settledAfterSeconds > kind.boundSeconds + slackSeconds)
    .map(
      ({ kind, settledAfterSeconds }) =>
        `after “${kind.name}” the executions it hit took ${settledAfterSeconds.toFixed(1)} s, and may take ${kind.boundSeconds} s`,
    );

export interface Soaked {
  readonly minutes: number;
  readonly seed: number;
  readonly ray: string;
  readonly book: Book;
  readonly strikes: readonly Strike[];
  readonly judged: Judged;
  readonly violations: readonly string[];
}

/** The report, as Markdown. */
export function writeReport({ minutes, seed, ray, book, strikes, judged, violations }: Soaked): string {
  const operations = [...book.tally.values()].reduce((sum, { asked }) => sum + asked, 0);
  const byKind = [...Map.groupBy(strikes, ({ kind }) => kind)];
  return [
    '# Soak',
    '',
    `${minutes} minutes, seed ${seed}, on ${ray} with ${cpus().length} CPUs and Node ${process.versions.node}: ` +
      `${operations} operations, ${judged.attempts} attempts, ${strikes.length} faults, **${violations.length} violations**.`,
    '',
    `Executions: ${Object.entries(judged.states)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ')}.`,
    '',
    ...violations.map((violation) => `- ${violation}`),
    ...(violations.length > 0 ? [''] : []),
    '| operation | asked | refused (503, or no answer) |',
    '| --- | ---: | ---: |',
    ...[...book.tally].map(([name, { asked, refused }]) => `| ${name} | ${asked} | ${refused} |`),
    '',
    'Recovery, in seconds after the end of the fault: until every server took an execution through again, and until the',
    'attempts that it could hit had ended or moved on, their own run time included (bound: contract §2, without the run time;',
    `given up after ${giveUpSeconds} s).`,
    '',
    '| fault | times | serves p50 | p95 | settled p50 | p95 | bound |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...byKind.map(([kind, those]) => `| ${kind.name} | ${those.length} | ${columns(those)} | ${kind.boundSeconds} |`),
    `| all | ${strikes.length} | ${columns(strikes)} | |`,
    '',
  ].join('\n');
}

function columns(strikes: readonly Strike[]): string {
  const served = strikes.map(({ servedAfterSeconds }) => servedAfterSeconds);
  const settled = strikes.map(({ settledAfterSeconds }) => settledAfterSeconds);
  return [at(0.5, served), at(0.95, served), at(0.5, settled), at(0.95, settled)].join(' | ');
}

function at(share: number, values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1);
}
