// A process of its own that starts one server's programs for us and outlives us by as long as it takes to end them and
// remove their folders, however we end: by returning, by an exception, by a signal, by kill -9. It learns of our end by
// the closing of the channel between us, which the kernel does for us in every case.
//
// It has a session of its own, so that Ctrl-C in a terminal reaches us and not it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ending, FromKeeper, Program, ToKeeper } from './keep.ts';
import { killTree, processesUnder, signal } from './processes.ts';

const ending = JSON.parse(process.argv[2] ?? '') as Ending;
const folders: string[] = [];
/** The process numbers of what we started and what has not ended with all its children. */
const roots = new Set<number>();

process.on('message', (message: ToKeeper) => {
  if ('remove' in message) folders.push(message.remove);
  else start(message.run);
});
if (process.connected) await once(process, 'disconnect');

for (const root of roots) await end(root);
for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
process.exit(0);

function start({ command, args, log, ...options }: Program): void {
  const output = openSync(log, 'a', 0o600);
  const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  child.once('error', (error) => tell({ failed: error.message }));
  // At once: the end of our parent may be told before this event, and would find nothing to end.
  if (child.pid !== undefined) roots.add(child.pid);
  child.once('spawn', () => tell({ started: child.pid ?? 0 }));
  child.once('exit', (code, by) => {
    // Forgotten at once, because its number may be given to a stranger from now on; kept while children use it.
    if (child.pid !== undefined && processesUnder(child.pid).length === 0) roots.delete(child.pid);
    tell({ ended: by ?? code ?? 0 });
  });
}

/** A parent that has just ended, unknown to us yet, must not cost us our own end: so a failure to tell is heard, and left. */
function tell(message: FromKeeper): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function end(root: number): Promise<void> {
  const sessions = new Set([root]);
  const isOver = () => processesUnder(root, sessions).length === 0;
  for (const [name, patienceMs = 0] of ending) {
    if (isOver()) return;
    if (name === 'SIGKILL') await killTree(root, sessions);
    else signal(-root, name);
    for (const until = Date.now() + patienceMs; Date.now() < until && !isOver(); ) await sleep(50);
  }
}
