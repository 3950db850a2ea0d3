import { type SQL, sql } from 'drizzle-orm';
import { integer, PgDialect, pgEnum, pgTable, text } from 'drizzle-orm/pg-core';
import { describe, expect, test } from 'vitest';
import { toQuery } from '../../src/db/drivers/to-query.ts';
import { perShape } from '../../src/db/filled.ts';

const people = pgTable('people', { id: integer('id'), name: text('name') });
const mood = pgEnum('mood', ['sad', 'ok']);

const ours: Readonly<Record<string, SQL>> = {
  text: sql`select 1`,
  values: sql`select ${1}, ${'two'}, ${null}, ${true}, ${5n}, ${new Date(0)}, ${new Uint8Array([1])}`,
  'a parameter that is an array': sql`select ${sql.param([1, null, 3])}::integer[]`,
  'an empty one': sql`select ${sql.param([])}::text[]`,
  'statements in a statement': sql`with a as (${sql`select ${1}`}) select ${sql.raw('now()')}, ${sql`${2} + ${3}`}, ${4}`,
  'nothing in the place of one': sql`select 1${sql``}`,
};

const others: Readonly<Record<string, SQL>> = {
  'a table and its column': sql`select ${people.name} from ${people} where ${people.id} = ${1}`,
  'a list of pieces': sql`select 1 where 1 in ${[1, 2, 3]}`,
  'a parameter with an encoder': sql`select ${sql.param(1, people.id)}`,
  'a name': sql`select 1 as ${sql.identifier('n')}`,
  'an enum': sql`select 'ok'::${mood}`,
  'undefined, which is nothing': sql`select 1${undefined}`,
  'inlined values': sql`select ${1}`.inlineParams(),
  'a value of no known kind': sql`select ${{ a: 1 }}`,
};

interface Person {
  readonly name: string;
  readonly age: number | null;
}

test('a statement of a row’s shape is made once, and says of each row what it would say of that one alone', () => {
  const made: Person[] = [];
  const make = (person: Person) => {
    made.push(person);
    return sql`select ${person.name} where ${'x'} <> ${person.name} and ${person.age === null ? sql`false` : person.age}`;
  };
  const statementOf = perShape(make);
  const people = [
    { name: 'Ann', age: 1 },
    { name: "B'ob", age: 2 },
    { name: 'Cy', age: null },
    { name: 'Di', age: null },
  ];
  const wanted = people.map((person) => meant(make(person)));
  expect(people.map((person) => toQuery(statementOf(person)))).toEqual(wanted);
  expect(people.map((person) => meant(statementOf(person)))).toEqual(wanted);
  expect(made).toHaveLength(people.length + 2);
});

/** What drizzle makes of it, which is what is meant. */
function meant(statement: SQL) {
  const { sql, params } = new PgDialect().sqlToQuery(statement);
  return { sql, params };
}

describe.each(Object.entries({ ...ours, ...others }))('a statement of %s', (_, statement) => {
  test('means what drizzle takes it for', () => {
    const { sql, params } = toQuery(statement);
    expect({ sql, params }).toEqual(meant(statement));
  });
});
