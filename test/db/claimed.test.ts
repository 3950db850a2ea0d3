import { expect, test } from 'vitest';
import { readInput } from '../../src/db/executions/claimed.ts';
import { claim, describeDrivers, enqueueAll, newId, startOnRay } from './support.ts';

describeDrivers(({ db }) => {
  test('an input of up to 16 KiB comes along with its claim, and a longer one is read by itself', async () => {
    const inputs = [2, 16_384, 16_385, 1_000_000].map((bytes) => `"${'x'.repeat(bytes - 2)}"`);
    const ids = await enqueueAll(
      db(),
      inputs.map((input) => ({ input })),
    );
    const claimed = await claim(db());
    expect(claimed.map(({ id, input }) => [id, input?.length])).toEqual(
      ids.map((id, n) => [id, n < 2 ? inputs[n]?.length : undefined]),
    );
    for (const [n, id] of ids.entries()) expect((await readInput(db(), id)) === inputs[n]).toBe(true);
    expect(await readInput(db(), newId())).toBeNull();
  });

  test('an input stays where it is when a driver will ask for it', async () => {
    const { input } = await startOnRay(db());
    expect(input).toBeNull();
  });
});
