import { expect, test } from 'vitest';
import { delivery } from '../support/doors/door.ts';
import { openVercel } from '../support/doors/vercel.ts';
import { useFresh } from '../support/fresh.ts';

const fresh = useFresh([]);

test('what a webhook delivers is run after its answer, kept alive by Vercel’s waitUntil', async () => {
  const kept: Promise<unknown>[] = [];
  const context = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  Object.assign(globalThis, { [Symbol.for('@vercel/request-context')]: { get: () => context } });
  expect(await openVercel(fresh.url()).call(delivery)).toMatchObject({ status: 201 });
  await Promise.all(kept);
  expect(await fresh.sql(`select state::text from mobula.executions`)).toEqual([{ state: 'SUCCEEDED' }]);
});
