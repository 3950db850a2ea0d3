import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Lane } from '../../src/db/executions/claim.ts';
import type { Claimed } from '../../src/db/executions/claimed.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { placeInLine } from '../../src/engine/place-in-line.ts';
import { enqueue, useFresh } from '../support/fresh.ts';

const lane = (queue: string): Lane => ({ form: 'inline', queue });
const claimed = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `e${n}` })) as unknown as Claimed[];
const engine = { monotonicMs: () => performance.now() } as unknown as Engine;

describe('the place of a call in its line', () => {
  const line = (...queues: string[]) => placeInLine(engine, queues.map(lane));

  test('is the head at first, and then behind the last that a full claim took', () => {
    const place = line('default');
    expect(place.next(100)).toBeNull();
    place.note(claimed(100), 100);
    expect(place.next(200)).toBe('e99');
  });

  test('is the head again a second later', async () => {
    const place = line('default');
    place.next(100);
    place.note(claimed(100), 100);
    await new Promise((resolve) => setTimeout(resolve, 1_010));
    expect(place.next(100)).toBeNull();
    expect(place.next(100)).toBe('e99');
  });

  test('is the head where a claim took less than it might', () => {
    const place = line('default');
    place.next(100);
    place.note(claimed(99), 100);
    expect(place.next(100)).toBeNull();
  });

  test('is the head for small claims, and for whoever serves several lanes', () => {
    for (const [place, limit] of [
      [line('default'), 99],
      [line('default', 'another'), 100],
    ] as const) {
      place.note(claimed(limit), limit);
      expect(place.next(limit)).toBeNull();
    }
  });
});

describe('a drain', () => {
  const ran: unknown[] = [];
  let arrival: (() => Promise<unknown>) | undefined;
  let arrived: Promise<unknown> | undefined;
  const fresh = useFresh([
    task({
      name: 'note',
      input: z.object({ n: z.number() }),
      run: async ({ n }) => {
        arrived ??= arrival?.();
        await arrived;
        ran.push(n);
      },
    }),
  ]);

  test('takes what comes in with a higher priority next, and leaves nothing behind', async () => {
    const app = fresh.make({ env: { MOBULA_DEFAULT_CONCURRENCY: '100' } });
    arrival = () => enqueue(app, 'note', { n: -1 }, { priority: 9 });
    const tasks = Array.from({ length: 400 }, (_, n) => ({ task: 'note', input: { n } }));
    expect((await app.call('POST', '/tasks/batch', { tasks })).status).toBe(201);
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({ processed: 401, completed: 401, remaining: false });
    expect(ran.indexOf(-1)).toBeLessThan(200); // behind what had been claimed by then
  });
});
