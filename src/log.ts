import type { Log } from './core/observe.ts';

const severities = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' } as const;

/**
 * One JSON object a line on stderr, in the shape that Cloud Logging, CloudWatch, Workers Logs and Vercel all parse.
 * An error is written with its stack and causes; the line never breaks, whatever is in it.
 */
export const logJson: Log = (level, event, members) => console.error(toLogLine(level, event, members));

/** The line alone, without its end. */
export const toLogLine = (...[level, event, members = {}]: Parameters<Log>): string =>
  JSON.stringify({ time: timeNow(), severity: severities[level], message: event, ...members }, replacerFor(members));

/** A replacer costs more than the rest of a line, so only those have one that need it. */
const replacerFor = (members: Readonly<Record<string, unknown>>) =>
  Object.values(members).some((value) => typeof value === 'object') ? spellErrors : undefined;

const spellErrors = (_: string, value: unknown): unknown => (value instanceof Error ? errorMembers(value) : value);

let lastMs = 0;
let lastTime = '';

/** Made once for all lines of a millisecond. */
function timeNow(): string {
  const nowMs = Date.now();
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastTime = new Date(nowMs).toISOString();
  }
  return lastTime;
}

const errorMembers = (error: Error) => ({
  name: error.name,
  message: error.message,
  stack: error.stack,
  ...('code' in error ? { code: error.code } : {}),
  ...(error.cause === undefined ? {} : { cause: error.cause }),
});
