import { expect, test } from 'vitest';
import { readInput } from '../../src/db/executions/claimed.ts';
import { claim, describeDrivers, enqueueAll, newId, startOnRay } from './support.ts';

describeDrivers(({ db }) => {
  test('the inputs of a claim come along as far as they come to eight MiB, in order; the others are read by themselves', async () => {
    const inputs = [3, 4, 1, 4, 0].map((millions, n) => JSON.stringify({ n, x: 'x'.repeat(millions * 1_000_000) }));
    const ids = await enqueueAll(
      db(),
      inputs.map((input) => ({ input })),
    );
    const claimed = await claim(db());
    expect(claimed.map(({ id, input }) => [id, input?.length])).toEqual(
      ids.map((id, n) => [id, n < 3 ? inputs[n]?.length : undefined]),
    );
    for (const [n, id] of ids.entries()) expect((await readInput(db(), id)) === inputs[n]).toBe(true);
    expect(await readInput(db(), newId())).toBeNull();
  });

  test('an input stays where it is when a driver will ask for it', async () => {
    const { input } = await startOnRay(db());
    expect(input).toBeNull();
  });
});
