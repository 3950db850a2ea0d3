import { MobulaError } from '../../core/errors.ts';

/** SQLSTATE classes and codes that say "not now", whoever is to blame: connection, resources, shutdown, timeout, read-only. */
const passing = /^(08...|53...|57...|25006|55P03|40001|40P01)$/;
const broken = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR)/;

/**
 * Turns what a driver threw into `database_unavailable` where the database is away, and leaves every other error, a bug
 * of ours, as it is. It looks at codes first and knows the few texts that come without one.
 */
export function toOutage(error: unknown): unknown {
  return isOutage(error)
    ? new MobulaError('database_unavailable', 'The database cannot be reached now.', {
        cause: error,
        retryAfterSeconds: 5,
      })
    : error;
}

function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code ?? '') : '';
  if (passing.test(code) || broken.test(code)) return true;
  if (error instanceof AggregateError) return error.errors.some(isOutage);
  if (/^[0-9A-Z]{5}$/.test(code)) return false; // SQL that Postgres refused for a reason of its own
  return (
    /connection (terminated|timeout|closed|error)|timeout exceeded when trying to connect|read timeout|not queryable|fetch failed|error connecting to database|server error \(HTTP status/i.test(
      error.message,
    ) ||
    (error.cause !== undefined && isOutage(error.cause))
  );
}
