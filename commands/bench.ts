import { parseArgs } from 'node:util';
import { installPeers } from '../bench/install-peers.ts';
import { readSurroundings, toMarkdown } from '../bench/report.ts';
import { keepPart } from '../bench/results-file.ts';
import type { Section } from '../bench/section.ts';

// `npm run bench [-- queue churn http ray doors --quick --full]`: all parts, or the named ones; each table is printed when it
// is there, and each part kept in bench/results.md, but for a quick run, which only shows that the bench works.

interface Options {
  readonly quick: boolean;
  readonly full: boolean;
}

type Measured = Section | readonly Section[] | AsyncIterable<Section>;

const parts: Readonly<Record<string, (options: Options) => Promise<Measured>>> = {
  queue: async (options) => (await import('../bench/queue/measure.ts')).measure(options),
  churn: async (options) => (await import('../bench/queue/measure.ts')).measureLongRun(options),
  http: async (options) => (await import('../bench/http/measure.ts')).measure(options),
  ray: async (options) => (await import('../bench/ray/measure.ts')).measure(options),
  doors: async (options) => (await import('../bench/doors/measure.ts')).measure(options),
};

const { values: options, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(parts);
if (!names.every((name) => name in parts)) {
  process.stderr.write(`The bench has these parts: ${Object.keys(parts).join(', ')}.\n`);
  process.exit(2);
}
await bench();

async function bench(): Promise<void> {
  if (names.includes('queue') || names.includes('churn')) await installPeers(say);
  for (const name of names) {
    say(`Measuring: ${name}…`);
    const written = [readSurroundings()];
    for await (const section of sectionsOf(await parts[name]?.(options))) {
      written.push(toMarkdown(section));
      process.stdout.write(`${written.at(-1)}\n\n`);
    }
    if (!options.quick) keepPart(name, written.join('\n\n'), Object.keys(parts));
  }
  if (!options.quick) say('Kept in bench/results.md.');
}

async function* sectionsOf(measured: Measured = []): AsyncGenerator<Section> {
  if (Symbol.asyncIterator in measured || Symbol.iterator in measured) yield* measured;
  else yield measured;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
