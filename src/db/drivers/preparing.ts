import { sha256Hex } from '../../core/sha256.ts';
import { isBatch } from '../db.ts';

/** A statement that a session keeps under its name; node-postgres parses it there once. */
interface NamedQuery {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** What takes a statement with its name, or without. */
export interface Preparer {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  query(named: NamedQuery): Promise<{ rows: unknown[] }>;
}

/** By text. A name tells the text, so that whoever else has given it to a session means the same by it. */
const names = new Map<string, string>();

async function nameOf(text: string): Promise<string> {
  const name = names.get(text) ?? `mobula_${(await sha256Hex(text)).slice(0, 40)}`;
  names.set(text, name);
  return name;
}

/**
 * Runs statements, prepared where that helps: planning a look-up takes longer than the look-up. A batch is planned each
 * time, for its length decides how. A pooler that gives each statement another session, and does not know of prepared
 * ones, refuses a name before anything is done: from then on there are none, and the statement is sent without.
 */
export function preparing() {
  let isOn = true;
  return async (pool: Preparer, text: string, values: unknown[]): Promise<{ rows: unknown[] }> => {
    if (!isOn || values.some((value) => Array.isArray(value) && isBatch(value))) return pool.query(text, values);
    const name = await nameOf(text);
    try {
      return await pool.query({ name, text, values });
    } catch (error) {
      if (!isAboutTheName(error)) throw error;
      isOn = false;
      return pool.query(text, values);
    }
  };
}

/** No such prepared statement; one of this name already; one whose tables have changed since. */
const isAboutTheName = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === '26000' ||
    error.code === '42P05' ||
    (error.code === '0A000' && error.message.startsWith('cached plan')));
