import { styleText } from 'node:util';
import { toJsonText } from '../../src/core/json-value.ts';

/** What the demo says goes to stdout, in colour only where a terminal shows it (NO_COLOR is heeded). */

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Indented, as everything under a heading is. */
export function tell(text: string): void {
  for (const line of text.split('\n')) say(line && `   ${line}`);
}

export function heading(text: string): void {
  say(`\n${styleText('bold', text)}\n`);
}

export const faint = (text: string): string => styleText('dim', text);

/** Says what begins, does it, and says on the same line how long it took; where it fails, the caller has the word. */
export async function tellStep<T>(what: string, work: () => Promise<T>): Promise<T> {
  process.stdout.write(`   ${what}… `);
  const startedAt = performance.now();
  try {
    const made = await work();
    say(`ready in ${secondsSince(startedAt)} s.`);
    return made;
  } catch (error) {
    say();
    throw error;
  }
}

/** Lines up the cells of each column but the last, two spaces apart. */
export function tellTable(rows: readonly (readonly string[])[]): void {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  for (const row of rows)
    tell(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

export const secondsSince = (startedAt: number): string => ((performance.now() - startedAt) / 1_000).toFixed(1);

/** At most `length` characters, the last of them an ellipsis where something was left out. */
export const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

/** Breaks a text of words without spaces behind commas and before question marks, where a line would get too long. */
export function fold(text: string, width: number): string {
  const lines = [''];
  for (const piece of text.split(/(?<=,)|(?=\?)/)) {
    if ((lines.at(-1) + piece).length > width) lines.push('');
    lines[lines.length - 1] += piece;
  }
  return lines.join('\n');
}

export const thousands = (count: number): string => count.toLocaleString('en');

/** An error on one line: of what Ray adds to a message, the rest is its log. */
export const reasonOf = (error: { type: string; message: string } | null, length: number): string =>
  error === null ? '' : shorten(`${error.type}: ${error.message.split('\n')[0]}`, length);

/** A value as JSON text. */
export const toText = (value: unknown): string => toJsonText(value ?? null);
