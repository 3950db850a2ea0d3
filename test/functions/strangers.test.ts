import { expect, test } from 'vitest';
import { routesOf } from '../../functions/app.ts';
import type { Db } from '../../src/db/db.ts';
import { makeEngine } from '../support/engine.ts';
import { tasks } from './tasks.ts';

test('who proves nothing costs no statement, on any route and by any kind of bad proof', async () => {
  let statements = 0;
  const count = () => {
    statements += 1;
    return Promise.reject(new Error('Nobody may ask this database.'));
  };
  const db: Db = { execute: count, transaction: count, close: () => Promise.resolve() };
  const app = makeEngine({
    db,
    tasks,
    env: { CRON_SECRET: 'the-cron-secret-of-the-tests-0123456789', MOBULA_OIDC_AUDIENCE: '' },
  });
  const closed = routesOf({ ...app.mobula, callSeconds: 1 }).filter(({ scope }) => scope !== 'public');
  const id = '01890000-0000-7000-8000-000000000000';
  for (const { method, path } of closed) {
    const concrete = path.replace(':id', id).replace(':attempt', '1').replace(':name', 'x');
    for (const token of [null, 'x', 'not-a-token-of-anybody-0123456789-0123456789', 'a.b.c']) {
      const { status } = await app.call(method, concrete, undefined, { token });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  }
  expect(statements).toBe(0);
});
