import { type SQL, sql } from 'drizzle-orm';

/**
 * The one port through which every statement passes, so that a crash, a lost reply or another time can be put in
 * between. Rows come as the driver gives them: instants as `Date` or text, 64-bit numbers as text.
 */
export interface Executor {
  execute<Row extends object>(statement: SQL): Promise<Row[]>;
}

/** An open database. `close` waits for what is under way. */
export interface Db extends Executor {
  /** Interactive; refused by the `neon-http` driver, which has none. Nothing of ours needs it. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The types an array parameter may have; written out, because an array's text form does not tell. */
type ArrayType =
  | 'uuid'
  | 'text'
  | 'integer'
  | 'smallint'
  | 'bigint'
  | 'boolean'
  | 'double precision'
  | 'timestamptz'
  | 'mobula.task_form'
  | 'mobula.execution_state';

/** A bound array: one parameter however long, where drizzle alone would make a parameter of each item. */
export const list = (values: readonly unknown[], type: ArrayType): SQL => sql`${sql.param(values)}::${sql.raw(type)}[]`;

/**
 * Rows as a table, whose columns are these fields in this order: `${tableOf(rows, { id: 'uuid' })} as r(id)`. Many are unnested
 * from an array for each column; a single one comes as it is, for arrays take longer to be taken apart than such a row to
 * be stored.
 */
export function tableOf<Row extends object>(
  rows: readonly Row[],
  fields: { readonly [Field in keyof Row]?: ArrayType },
): SQL {
  const columns = Object.entries(fields) as [keyof Row, ArrayType][];
  const [only] = rows;
  if (only !== undefined && rows.length === 1) {
    return sql`(select ${listed(columns.map(([field, type]) => scalar(only[field], type)))})`;
  }
  const arrays = columns.map(([field, type]) =>
    arrayOf(
      rows.map((row) => row[field]),
      type,
    ),
  );
  return sql`unnest(${listed(arrays)})`;
}

/** A null is said, for most fields of most rows are null, and a parameter is sent and read each time. */
const scalar = (value: unknown, type: ArrayType): SQL =>
  value === null ? sql.raw(`null::${type}`) : sql`${value}::${sql.raw(type)}`;

const listed = (pieces: SQL[]): SQL => sql.join(pieces, sql.raw(', '));

/** One that holds nothing but nulls is sent empty, as `unnest` pads it; one that says the same throughout says it once. */
function arrayOf(values: readonly unknown[], type: ArrayType): SQL {
  const [first] = values;
  if (values.some((value) => value !== first)) return list(values, type);
  if (first === null) return list([], type);
  if (!isBatch(values)) return list(values, type);
  return sql`array_fill(${first}::${sql.raw(type)}, array[${values.length}::integer])`;
}

/** So long that its statement is planned each time: without knowing an array Postgres plans for ten items. */
export const isBatch = (values: readonly unknown[]): boolean => values.length > 8;

/**
 * That a row's key is among those of a CTE with an `id`. Said beside the join, which says it too, so that the planner goes
 * by the key: it takes such an array to be short, and believing the join alone it scans tables of up to a million rows.
 */
export const isAmong = (key: SQL, cte: SQL): SQL => sql`${key} = any(array(select id from ${cte}))`;

/**
 * A condition on a row beside `isAmong`, hidden from the planner's estimates: by its statistics hardly a row is in flight,
 * and for one that it expects it would compare each row of a batch with every other, which took a hundred twice as long.
 */
export const unestimated = (condition: SQL, cte: SQL): SQL =>
  sql`case when ${cte}.id is null then false else ${condition} end`;

/** The database's time; the only clock there is. */
export const now = sql.raw('mobula.clock()');

/** Seconds as an interval; null stays null. */
export const seconds = (value: SQL | number | null): SQL => sql`make_interval(secs => ${value}::double precision)`;

export const toDate = (value: Date | string): Date => (value instanceof Date ? value : new Date(value));

export const toDateOrNull = (value: Date | string | null): Date | null => (value === null ? null : toDate(value));
