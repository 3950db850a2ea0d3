import type { Log } from '../core/observe.ts';
import { toLogLine } from '../log.ts';

/**
 * The log of a process of its own: what is said in one turn goes out in one write, in order, for a drain says a line for
 * each attempt. Nothing waits for another turn, an `error` for nothing at all, and what is left goes out as the process ends.
 */
export function logLines(): Log {
  let lines: string[] = [];

  function flush(): void {
    if (lines.length > 0) console.error(lines.join('\n'));
    lines = [];
  }

  process.on('exit', flush);
  return (level, event, members) => {
    if (lines.length === 0) queueMicrotask(flush);
    lines.push(toLogLine(level, event, members));
    if (level === 'error') flush();
  };
}
