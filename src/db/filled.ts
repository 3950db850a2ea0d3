import { Placeholder, SQL, sql } from 'drizzle-orm';

/** A statement with a place for each field of a row that is not null, and such a row. It cannot be a part of another one. */
export class Filled extends SQL {
  readonly pattern: SQL;
  readonly row: object;

  constructor(pattern: SQL, row: object) {
    super([pattern]);
    this.pattern = pattern;
    this.row = row;
  }

  /** What a caller's Drizzle asks for. */
  override toQuery(config: Parameters<SQL['toQuery']>[0]): ReturnType<SQL['toQuery']> {
    const query = this.pattern.toQuery(config);
    return { ...query, params: this.fill(query.params) };
  }

  fill(places: readonly unknown[]): unknown[] {
    return places.map((place) => (place instanceof Placeholder ? Reflect.get(this.row, place.name) : place));
  }
}

/**
 * The statements that `make` makes of single rows, put together once for each choice of fields that are null: to do it
 * again takes as long as everything else that Node does for an enqueue. What `make` is given has places instead of
 * values, so it may ask of a field only whether it is null.
 */
export function perShape<Row extends object>(make: (row: Row) => SQL): (row: Row) => SQL {
  const patterns = new Map<string, SQL>();
  return (row) => {
    const shape = Object.values(row)
      .map((value) => (value === null ? '0' : '1'))
      .join('');
    const pattern = patterns.get(shape) ?? make(withPlaces(row));
    patterns.set(shape, pattern);
    return new Filled(pattern, row);
  };
}

const withPlaces = <Row extends object>(row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([field, value]) => [field, value === null ? null : sql.placeholder(field)]),
  ) as Row;
