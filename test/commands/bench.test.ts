import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { measureDrain } from '../../bench/queue/drain.ts';
import { openStage } from '../../bench/queue/stage.ts';
import { toMarkdown } from '../../bench/report.ts';

// The peers are not there: a test installs nothing.

test('the bench drains Mobula beside raw SQL, and tells it as a table', async () => {
  await using stage = await openStage(['mobula', 'raw SQL']);
  const section = await measureDrain(stage, { count: 1_000, rounds: 1 });
  expect(section.rows.map(([name]) => name)).toEqual(['mobula', 'raw SQL']);
  expect(toMarkdown(section)).toMatch(/^\| mobula +\| [\d,]+ +\| [\d,]+–[\d,]+ +\| \d\.\d\d /m);
}, 30_000);

test('a part that the bench does not have is refused', () => {
  const command = join(import.meta.dirname, '../../commands/bench.ts');
  const { status, stderr } = spawnSync(process.execPath, [command, 'quue'], { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('queue, churn, http, ray, doors'),
  });
});
