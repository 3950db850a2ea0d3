import { limits } from '../core/limits.ts';

/** Shorter values (`1`, `cuda`, `/app`) are no secrets, and would tear holes into honest text. */
const secretLength = 8;

export type Redact = (text: string, more?: readonly string[]) => string;

/** Blanks out every one of `secrets`, as itself, inside a JSON text and inside a URL. */
export function redactor(secrets: readonly string[]): Redact {
  const known = spellings(secrets);
  return (text, more = []) => {
    const found = more.length === 0 ? known : [...known, ...spellings(more)].sort(byLength);
    return found.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text);
  };
}

/** The longest first, so that a secret within another does not leave the other's ends behind. */
const byLength = (a: string, b: string) => b.length - a.length;

function spellings(secrets: readonly string[]): string[] {
  const parts = secrets.flatMap((secret) => [secret, ...secret.split(/[\s;,=]+/)]);
  const long = parts.filter((part) => part.length >= secretLength);
  const spelled = long.flatMap((part) => [
    part,
    JSON.stringify(part).slice(1, -1),
    encodeURIComponent(part.toWellFormed()),
  ]);
  return [...new Set(spelled)].sort(byLength);
}

/** What Postgres can store and a JSON answer can carry: no NUL, no lone surrogate. */
export const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');

/**
 * One line of at most 500 characters that says what went wrong in an error body. Ray sends tracebacks full of paths of
 * its own machine; the exception at their end is all that helps.
 */
export function gistOf(text: string): string {
  const ending = text.slice(-4_000).split('\n');
  const exceptions = ending.map((line) => line.trim()).filter((line) => /^[A-Za-z_.]*(Error|Exception): /.test(line));
  const gist = exceptions.findLast((line) => !line.endsWith('(most recent call last):')) ?? text.slice(0, 1_000);
  return storable(gist.replaceAll(/\s+/g, ' ').trim().slice(0, 500));
}

/** A long text with its middle left out: the beginning says what it is, the end of a log says what happened. */
export function abridge(text: string, length: number = limits.errorMessageCharacters): string {
  if (text.length <= length) return storable(text);
  const mark = '\n…\n';
  const head = Math.floor(length / 4);
  return storable(text.slice(0, head) + mark + text.slice(text.length - (length - head - mark.length)));
}
