export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One structured event for the log: a name and plain members. Never a secret, an input or a value. */
export type Log = (level: LogLevel, event: string, members?: Readonly<Record<string, unknown>>) => void;

/** What an unknown thrown thing says, for a log line or an attempt's error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
