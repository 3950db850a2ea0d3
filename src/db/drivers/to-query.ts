import { Param, SQL, StringChunk } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { Filled } from '../filled.ts';

/** A statement as Postgres takes it: text with $1, $2 …, and their values. */
export interface Query {
  readonly sql: string;
  readonly params: unknown[];
}

const dialect = new PgDialect();

/**
 * A statement's text and values. Drizzle's own way asks of each piece which of its classes it is, which costs as much as
 * the rest of an enqueue; ours are made of text, values and one another. What has any other piece, a caller's table or
 * column, goes drizzle's way.
 */
export function toQuery(statement: SQL): Query {
  if (statement instanceof Filled) return fillIn(statement);
  const query: Query & { sql: string } = { sql: '', params: [] };
  return write(statement, query) ? query : dialect.sqlToQuery(statement);
}

const patterns = new WeakMap<SQL, Query>();

function fillIn(statement: Filled): Query {
  const written = patterns.get(statement.pattern) ?? dialect.sqlToQuery(statement.pattern);
  patterns.set(statement.pattern, written);
  return { sql: written.sql, params: statement.fill(written.params) };
}

function write(piece: unknown, query: Query & { sql: string }): boolean {
  if (piece instanceof StringChunk) {
    query.sql += piece.value.join('');
    return true;
  }
  if (piece instanceof SQL) return !isInlined(piece) && piece.queryChunks.every((each) => write(each, query));
  const value = piece instanceof Param ? valueIn(piece) : piece;
  if (!isPlain(value, piece instanceof Param)) return false;
  query.params.push(value);
  query.sql += `$${query.params.length}`;
  return true;
}

const isInlined = (piece: SQL): boolean => Reflect.get(piece, 'shouldInlineParams') === true;

const valueIn = ({ value, encoder }: Param): unknown => (value === null ? null : encoder.mapToDriverValue(value));

/** What stands for itself; an array does so only as a parameter, since in a text it is a list of pieces. */
const isPlain = (value: unknown, isParameter: boolean): boolean =>
  value === null ||
  value instanceof Date ||
  value instanceof Uint8Array ||
  (isParameter && Array.isArray(value)) ||
  !['object', 'function', 'undefined', 'symbol'].includes(typeof value);
