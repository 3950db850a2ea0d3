import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import {
  forgetObjects,
  isRegistered,
  markOrphans,
  markUnreferenced,
  registerObject,
} from '../../src/db/result-objects.ts';
import { describeDrivers, finish, rows, startOne } from './support.ts';

const object = { reference: 'resultfs://sha256/ab?bytes=9', sha256: 'ab', bytes: 9 };

describeDrivers(({ db }) => {
  const register = () => registerObject(db(), object);
  const mark = () => markUnreferenced(db(), [object.reference]);
  /** An execution whose success refers to the object. */
  async function refer(): Promise<string> {
    const claimed = await startOne(db());
    await finish(db(), { ...claimed, result: { state: 'stored', value: null, reason: null, ...object } });
    return claimed.id;
  }
  const ageObjects = (interval: string) =>
    db().execute(sql`update mobula.result_objects set registered_at = registered_at - ${interval}::interval,
      removing_at = removing_at - ${interval}::interval`);

  describe('an object of a result store', () => {
    test('is known from its announcement on, before it is there', async () => {
      expect(await isRegistered(db(), object.reference)).toBe(false);
      expect(await register()).toBe(true);
      expect(await isRegistered(db(), object.reference)).toBe(true);
    });

    test('that was never announced is never removed', async () => {
      expect(await mark()).toEqual([]);
      expect(await markOrphans(db(), 10)).toEqual([]);
    });

    test('stays while an execution refers to it, or an upload of it is under way', async () => {
      await register();
      expect(await mark()).toEqual([]);
      const id = await refer();
      expect(await mark()).toEqual([]);
      await db().execute(sql`delete from mobula.attempts where execution_id = ${id}`);
      expect(await mark()).toEqual([object.reference]);
    });

    test('shared by several executions outlives all but the last', async () => {
      const ids: string[] = [];
      for (let count = 0; count < 3; count += 1) {
        await register();
        ids.push(await refer());
      }
      for (const id of ids) {
        expect(await mark()).toEqual([]);
        await db().execute(sql`delete from mobula.attempts where execution_id = ${id}`);
      }
      expect(await mark()).toEqual([object.reference]);
    });

    test('that is being removed is taken once, and nobody can announce it until that is done', async () => {
      await register();
      const id = await refer();
      await db().execute(sql`delete from mobula.attempts where execution_id = ${id}`);
      expect(await mark()).toEqual([object.reference]);
      expect(await mark()).toEqual([]);
      expect(await register()).toBe(false);
      expect(await isRegistered(db(), object.reference)).toBe(false);
      await forgetObjects(db(), [object.reference]);
      expect(await register()).toBe(true);
    });

    test('that is not being removed is not forgotten', async () => {
      await register();
      await forgetObjects(db(), [object.reference]);
      expect(await isRegistered(db(), object.reference)).toBe(true);
    });
  });

  describe('an orphan', () => {
    test('is what was announced more than a day ago and nobody refers to, whatever became of its upload', async () => {
      await register();
      await ageObjects('23 hours');
      expect(await markOrphans(db(), 10)).toEqual([]);
      await ageObjects('2 hours');
      expect(await markOrphans(db(), 10)).toEqual([object.reference]);
    });

    test('is none while an execution refers to it', async () => {
      await register();
      await refer();
      await ageObjects('10 days');
      expect(await markOrphans(db(), 10)).toEqual([]);
    });

    test('whose removal was cut off is taken up again', async () => {
      await register();
      await ageObjects('2 days');
      await markOrphans(db(), 10);
      expect(await markOrphans(db(), 10)).toEqual([]);
      await ageObjects('11 minutes');
      expect(await markOrphans(db(), 10)).toEqual([object.reference]);
    });
  });

  test('the announcement that came latest counts for its age', async () => {
    await register();
    await ageObjects('2 days');
    await register();
    expect(await markOrphans(db(), 10)).toEqual([]);
    expect(await rows(db(), sql`select pending from mobula.result_objects`)).toEqual([{ pending: 2 }]);
  });
});
