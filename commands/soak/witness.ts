import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import type { LedgerLine } from '../../test/support/ledger.ts';

/** Reads the ledger as it grows, and sees which of its processes live. */
export interface Witness {
  readonly lines: readonly LedgerLine[];
  /** When a process that has written no end was last seen alive, by pid; in nanoseconds of the machine's monotonic clock. */
  readonly lastSeenAlive: ReadonlyMap<number, number>;
  /** Runs of Python that have begun and not ended, in processes that live. */
  drivers(): readonly LedgerLine[];
  stop(): void;
}

const lookMs = 100;

export function startWitness(path: string, isServer: (pid: number) => boolean): Witness {
  const lines: LedgerLine[] = [];
  const open = new Map<string, LedgerLine>();
  const lastSeenAlive = new Map<number, number>();
  let offset = 0;
  let rest = '';

  function look(): void {
    for (const line of readNews()) {
      lines.push(line);
      const run = `${line.id} ${line.attempt} ${line.pid}`;
      if (line.what === 'start') open.set(run, line);
      if (line.what === 'end') open.delete(run);
    }
    const at = Number(process.hrtime.bigint());
    for (const [run, { pid }] of open) {
      if (isAlive(pid)) lastSeenAlive.set(pid, at);
      else open.delete(run);
    }
  }

  function readNews(): LedgerLine[] {
    if (!existsSync(path)) return [];
    const file = openSync(path, 'r');
    const buffer = Buffer.alloc(1_048_576);
    const read = readSync(file, buffer, 0, buffer.length, offset);
    closeSync(file);
    offset += read;
    const texts = (rest + buffer.toString('utf8', 0, read)).split('\n');
    rest = texts.pop() ?? '';
    return texts.map((text) => JSON.parse(text));
  }

  const timer = setInterval(look, lookMs);
  return {
    lines,
    lastSeenAlive,
    drivers: () => [...open.values()].filter(({ pid }) => !isServer(pid) && isAlive(pid)),
    stop() {
      clearInterval(timer);
      look();
    },
  };
}

/** Zombies do not count. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
