import { MobulaError } from '../../core/errors.ts';

/** SQLSTATE classes and codes that say "not now", whoever is to blame: connection, resources, shutdown, timeout, read-only. */
const passing = /^(08...|53...|57...|25006|55P03|40001|40P01)$/;
const broken = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR)/;

/**
 * Turns what a driver threw into ours: `database_unavailable` where the database is away, `unique_key_taken` where a retry
 * would have brought a unique key back that another execution holds by now. Every other error, a bug of ours, stays as it
 * is. It looks at codes first and knows the few texts that come without one.
 */
export function toOurError(error: unknown): unknown {
  if (isUniqueKeyTaken(error)) {
    const message = 'Another unfinished execution of this task holds the unique_key.';
    return new MobulaError('unique_key_taken', message, { cause: error, field: 'unique_key' });
  }
  if (!isOutage(error)) return error;
  const message = 'The database cannot be reached now.';
  return new MobulaError('database_unavailable', message, { cause: error, retryAfterSeconds: 5 });
}

/** Enqueuing passes such a conflict over; only a move out of a final state meets it. */
const isUniqueKeyTaken = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === '23505' &&
  'constraint' in error &&
  error.constraint === 'executions_unique_key';

function isOutage(error: unknown): boolean {
  if (error instanceof Event) return true; // a WebSocket that failed says no more than that
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code ?? '') : '';
  if (passing.test(code) || broken.test(code)) return true;
  if (error instanceof AggregateError) return error.errors.some(isOutage);
  if (/^[0-9A-Z]{5}$/.test(code)) return false; // SQL that Postgres refused for a reason of its own
  return (
    /connection (terminated|timeout|closed|error)|timeout exceeded when trying to connect|read timeout|not queryable|fetch failed|error connecting to database|proxy request failed|network connection lost|server error \(HTTP status/i.test(
      error.message,
    ) ||
    (error.cause !== undefined && isOutage(error.cause))
  );
}
