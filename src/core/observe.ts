import type { Redaction } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One structured event for the log: a name and plain members. Never a secret, an input or a value. */
export type Log = (level: LogLevel, event: string, members?: Readonly<Record<string, unknown>>) => void;

/** What an unknown thrown thing says, for a log line or an attempt's error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The same log, whose warnings and errors are redacted: only they tell in words of others what went wrong. */
export const redactedLog =
  (log: Log, redact: Redaction): Log =>
  (level, event, members = {}) => {
    if (level !== 'warn' && level !== 'error') return log(level, event, members);
    const told = Object.entries(members).map(([name, value]) => [
      name,
      typeof value === 'string' ? redact(value) : value,
    ]);
    log(level, event, Object.fromEntries(told));
  };
