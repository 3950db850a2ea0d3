import { parseCLI, startVitest } from 'vitest/node';
import { ensureFuzzer } from '../infra/local/fuzzer.ts';
import { ensureRay } from '../infra/local/ray.ts';
import { ensureStores } from '../infra/local/stores.ts';

// `npm test [-- file or option…]`: all tests, or those that are named; Vitest's arguments. See test/support/setup.ts for
// what is started, and test/support/reporter.ts for the last line.

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);

// Named files get Ray, the stores' servers and the fuzzer when one of them asks. All files will, so these are installed before, not
// beside, the tests.
const say = (line: string) => void process.stderr.write(`${line}\n`);
if (filter.length === 0) await Promise.all([ensureRay(say), ensureStores(say), ensureFuzzer(say)]);
const vitest = await startVitest('test', filter, { ...options, watch: false });
await vitest.exit();
