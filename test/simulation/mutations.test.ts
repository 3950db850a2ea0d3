import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { openDatabase, type SimulatedDatabase } from './database/database.ts';
import { mutations } from './mutations/mutations.ts';
import { tryMutation } from './mutations/try-mutation.ts';

/** Those that a few runs tell of; `npm run simulate -- --mutations` tries them all. */
const quick = [
  'random submission id',
  'an error on submit fails the attempt',
  'a driver without a fence',
  'the clock of the process instead of the database',
  'finish by id alone',
  'claim without lock, by id',
  'cancel overwrites a final state',
  'a completion wins over a cancel',
  'purge takes what runs',
  'a slot is never given back',
  'an idempotency key that is not looked at',
  'an attempt that nobody looks after',
];
const seedsMax = 120;

const fresh = useDatabase();
let database: SimulatedDatabase;

beforeAll(async () => {
  database = await openDatabase(fresh.url());
});
afterAll(() => database.close());

test.each(quick)(
  'the simulation tells of a product with this bug: %s',
  async (name) => {
    const mutation = mutations.find((one) => one.name === name);
    const tried = await tryMutation(database, mutation!, seedsMax);
    expect(tried.breach).not.toBe('');
  },
  120_000,
);

test('every mutation has a name of its own', () => {
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
});
