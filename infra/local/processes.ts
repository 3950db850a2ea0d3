import { readdirSync, readFileSync } from 'node:fs';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

/**
 * The living processes that `root` started, itself included, however deep and in whatever session (setsid) of their own.
 * Once a parent has ended its children are known by their session only: what `sessions` has learnt in one call is used
 * in the next. Zombies do not count.
 */
export function processesUnder(root: number, sessions: Set<number> = new Set([root])): number[] {
  const all = listProcesses();
  const under = new Set<number>();
  for (let before = -1; under.size > before; ) {
    before = under.size;
    for (const { pid, parent, session } of all) {
      if (pid !== root && !under.has(parent) && !sessions.has(session)) continue;
      under.add(pid);
      sessions.add(session);
    }
  }
  return [...under];
}

/** Kills `root` and all it started, and returns when they are gone. */
export async function killTree(root: number, sessions?: Set<number>): Promise<void> {
  const known = sessions ?? new Set([root]);
  for (let left = processesUnder(root, known); left.length > 0; left = processesUnder(root, known)) {
    for (const pid of left) signal(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Signals a process, or a group by its negative number; one that is gone is no failure. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function listProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((found) => found !== null);
}

/** A process may call itself anything, so the fields are counted from behind its name. */
function readProcess(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? null : { pid, parent: Number(parent), session: Number(session) };
  } catch {
    return null; // It ended while we looked.
  }
}
