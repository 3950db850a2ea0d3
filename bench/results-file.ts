import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const path = join(import.meta.dirname, 'results.md');
const title = '# What Mobula does, beside others';
const opening = '\n\n## Part: ';

/** Puts one part's text in the place of what was measured of it before; the other parts stay as they are. */
export function keepPart(name: string, text: string, order: readonly string[]): void {
  const kept = existsSync(path) ? readParts(readFileSync(path, 'utf8')) : new Map<string, string>();
  kept.set(name, text);
  const parts = order.flatMap((each) => (kept.has(each) ? [`${opening}${each}\n\n${kept.get(each)}`] : []));
  writeFileSync(path, `${title}${parts.join('')}\n`);
}

function readParts(text: string): Map<string, string> {
  const [, ...parts] = text.trimEnd().split(opening);
  return new Map(
    parts.map((part) => {
      const [name = '', ...rest] = part.split('\n\n');
      return [name, rest.join('\n\n')];
    }),
  );
}
