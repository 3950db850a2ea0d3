import { expect, test } from 'vitest';
import { reservePortBlock } from '../../infra/local/port-block.ts';

test('blocks that are reserved at once do not overlap', async () => {
  const blocks = await Promise.all(Array.from({ length: 8 }, reservePortBlock));
  const firsts = blocks.map(({ first }) => first).toSorted((a, b) => a - b);
  for (const block of blocks) block.release();
  expect(new Set(firsts).size).toBe(8);
  expect(blocks.every(({ first, last }) => last - first === 98)).toBe(true);
});
