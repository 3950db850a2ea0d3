import { readdirSync, readFileSync } from 'node:fs';

/** Of one tick, in which Linux counts on all machines that we run on. */
const tickMs = 10;

interface Used {
  readonly pid: number;
  readonly parent: number;
  /** Its own, in user and kernel, and that of its children that have ended. */
  readonly ticks: number;
}

/**
 * The processor time that a process and its descendants have used so far, in milliseconds; of those that have ended too.
 * Unlike a rate it hardly depends on what else the machine does.
 */
export function processorMs(root: number): number {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readUsed(Number(name)));
  const ticksUnder = ({ pid, ticks }: Used): number =>
    all.reduce((sum, other) => (other.parent === pid ? sum + ticksUnder(other) : sum), ticks);
  return ticksUnder(all.find(({ pid }) => pid === root) ?? none) * tickMs;
}

const none: Used = { pid: -1, parent: -1, ticks: 0 };

function readUsed(pid: number): Used {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(fields[1]), ticks: fields.slice(11, 15).reduce((sum, used) => sum + Number(used), 0) };
  } catch {
    return none; // It ended while we looked: its parent has it now.
  }
}
