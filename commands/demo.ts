import { type Log, messageOf } from '../src/core/observe.ts';
import { callApi } from './demo/api.ts';
import { startChecks } from './demo/checks.ts';
import { keepRunning } from './demo/keep-running.ts';
import { startParts } from './demo/parts.ts';
import { heading, say, secondsSince, tell } from './demo/say.ts';
import { tellStory } from './demo/story.ts';

// `npm run demo`: all of Mobula on this machine, told as a story. With `-- --keep` it stays for you to play with.

/** The story takes half a minute on a small machine; one that takes so long has come to a stop. */
const storySeconds = 180;
/** What ending everything may take, once somebody has asked for it. */
const tidySeconds = 30;
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const interruption = new AbortController();
/** Kept running it is ended by Ctrl-C, which is then no failure. */
let isKept = false;
let interruptedAt = 0;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // One Ctrl-C may come as several signals, from the terminal and through npm. Asked again, we leave the rest to itself.
    if (interruption.signal.aborted && performance.now() - interruptedAt > 1_000) process.exit(codes[signal]);
    if (interruption.signal.aborted) return;
    interruptedAt = performance.now();
    say('\n\nStopping…');
    interrupt(isKept ? 0 : codes[signal]);
  });
}
process.stdout.on('error', () => interrupt(1)); // Nobody listens any more.

const unknown = process.argv.slice(2).find((word) => word !== '--keep');
if (unknown !== undefined) {
  process.stderr.write(`The demo does not know "${unknown}"; there is only: npm run demo -- --keep\n`);
  process.exit(2);
}
process.exit(await runDemo(process.argv.includes('--keep')));

function interrupt(code: number): void {
  interruption.abort(code);
  setTimeout(() => process.exit(code), tidySeconds * 1_000);
}

/** Answers the exit code: not 0 where anything came out otherwise than it should. */
async function runDemo(keep: boolean): Promise<number> {
  const memory = rememberLog();
  try {
    return await play(keep, memory.log);
  } catch (error) {
    if (interruption.signal.aborted) return interruption.signal.reason;
    say(`\nThe demo stops here: ${messageOf(error)}`);
    for (const line of memory.lines) say(line);
    return 1;
  }
}

async function play(keep: boolean, log: Log): Promise<number> {
  const { signal } = interruption;
  introduce();
  heading('1. Set up');
  await using parts = await startParts({ log, abort: signal });
  const startedAt = performance.now();
  const abort = AbortSignal.any([signal, AbortSignal.timeout(storySeconds * 1_000)]);
  const checks = startChecks();
  await tellStory({ parts, checks, abort, api: callApi(parts.url, parts.tokens, abort) });
  heading(checks.failed === 0 ? 'All as it should be' : 'Not as it should be');
  tell(`${checks.done - checks.failed} of ${checks.done} checks held, ${secondsSince(startedAt)} s after the set-up.`);
  if (!parts.ray) tell('Ray was not part of it: see above for the reason.');
  if (keep) {
    isKept = true;
    await keepRunning(parts, signal);
  } else {
    tell('Ending and removing what was started here. To play with it: npm run demo -- --keep');
  }
  return checks.failed === 0 ? 0 : 1;
}

function introduce(): void {
  say(
    'Mobula is a durable task queue for Ray with no resident process. Tasks are rows in Postgres; each call of POST /run',
  );
  say(
    'moves all of them one step on, and a cron line is all that calls it. Here it runs on this machine, with a Postgres',
  );
  say('and a Ray of its own, on real tasks: in about a minute, leaving nothing behind.');
}

/** The app's log is for those who run it; here it is shown only where something went wrong. */
function rememberLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    log(level, event, members = {}) {
      lines.push(
        `${level} ${event} ${JSON.stringify(members, (_, value) => (value instanceof Error ? value.stack : value))}`,
      );
      if (lines.length > 20) lines.shift();
    },
  };
}
