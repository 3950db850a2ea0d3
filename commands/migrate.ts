import { MobulaError } from '../src/core/errors.ts';
import { messageOf } from '../src/core/observe.ts';
import { migrate } from '../src/db/migrate.ts';

/** Brings DATABASE_URL up to date. Says what it applied; safe to run any number of times, also at once. */
const url = process.env['DATABASE_URL'] ?? process.env['MOBULA_DATABASE_URL'];
try {
  if (!url) throw new MobulaError('misconfigured', 'DATABASE_URL is required.');
  const applied = await migrate(url);
  console.log(applied.length > 0 ? `Applied: ${applied.join(', ')}.` : 'The database is up to date.');
} catch (error) {
  console.error(`The database was not migrated: ${messageOf(error)}`);
  process.exitCode = 1;
}
