import type { Log } from './core/observe.ts';

const severities = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' } as const;

/**
 * One JSON object a line on stderr, in the shape that Cloud Logging, CloudWatch, Workers Logs and Vercel all parse.
 * An error is written with its stack and causes; the line never breaks, whatever is in it.
 */
export const logJson: Log = (level, event, members = {}) => {
  const line = { time: new Date().toISOString(), severity: severities[level], message: event, ...members };
  console.error(JSON.stringify(line, (_, value) => (value instanceof Error ? errorMembers(value) : value)));
};

const errorMembers = (error: Error) => ({
  name: error.name,
  message: error.message,
  stack: error.stack,
  ...('code' in error ? { code: error.code } : {}),
  ...(error.cause === undefined ? {} : { cause: error.cause }),
});
