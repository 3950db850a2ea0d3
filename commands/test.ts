import { parseCLI, startVitest } from 'vitest/node';
import { ensureRay } from '../infra/local/ray.ts';

// `npm test [-- file or option…]`: all tests, or those that are named; Vitest's arguments. See test/support/setup.ts for
// what is started, and test/support/reporter.ts for the last line.

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);

// Named files get Ray when one of them asks for it. All files will, so it is installed before, not beside, the tests.
if (filter.length === 0) await ensureRay((line) => process.stderr.write(`${line}\n`));
const vitest = await startVitest('test', filter, { ...options, watch: false });
await vitest.exit();
