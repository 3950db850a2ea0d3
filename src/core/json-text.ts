import { type JsonProblem, JsonScanner } from './json-scanner.ts';
import { limits } from './limits.ts';

export type { JsonProblem, JsonReason } from './json-scanner.ts';

/** A text that we take: compact, and the compact text of each member where it is an object. */
export interface ScannedJson {
  readonly problem: null;
  readonly text: string;
  /** By key, in the order of the text; null unless the value is an object. */
  readonly members: Map<string, string> | null;
}

/** A text that we do not take, and why. */
export interface RefusedJson {
  readonly problem: JsonProblem;
}

/**
 * Checks a JSON text (RFC 8259, and our bounds) and makes it compact without re-writing a value: numbers and the order
 * of keys stay as their producer wrote them, white space goes, and escapes of characters beyond ASCII become the
 * characters. A key twice in the top-level object is refused, since readers differ over which of them counts.
 */
export function scanJson(source: string, { depthMax = limits.jsonDepth } = {}): ScannedJson | RefusedJson {
  const scanner = new JsonScanner(source, depthMax);
  const text = scanner.scan();
  if (scanner.problem) return { problem: scanner.problem };
  if (text.charCodeAt(0) !== 0x7b) return { problem: null, text, members: null };

  const { bounds } = scanner;
  const members = new Map<string, string>();
  for (let at = 0; at < bounds.length; at += 4) {
    const key: string = JSON.parse(text.slice(bounds[at], bounds[at + 1]));
    if (members.has(key)) return { problem: { reason: 'duplicate', path: key, at: bounds[at]! } };
    members.set(key, text.slice(bounds[at + 2], bounds[at + 3]));
  }
  return { problem: null, text, members };
}

/** The compact text of each item of an array's text; a TypeError where it is no array that we take. */
export function readItems(source: string): string[] {
  const scanner = new JsonScanner(source, limits.jsonDepth);
  const text = trusted(scanner.scan(), scanner.problem);
  if (text.charCodeAt(0) !== 0x5b) throw new TypeError('This JSON text is no array.');
  const items: string[] = [];
  for (let at = 0; at < scanner.bounds.length; at += 2) {
    items.push(text.slice(scanner.bounds[at], scanner.bounds[at + 1]));
  }
  return items;
}

/**
 * What `JSON.parse` gives, save that an integer which a double cannot hold becomes a bigint. So a schema sees the number
 * that was sent, and refuses what it cannot use, instead of a neighbour of it.
 */
export function parseExact(source: string): unknown {
  return mayBeInexact.test(source) ? JSON.parse(source, exactInteger) : JSON.parse(source);
}

const mayBeInexact = /\d{16}/;
const integer = /^-?\d+$/;

function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const written = context?.source;
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !written || !integer.test(written)) return value;
  const exact = BigInt(written);
  return Number.isFinite(value) && BigInt(value) === exact ? value : exact;
}

function trusted<Value>(value: Value, problem: JsonProblem | null): Value {
  if (problem) throw new TypeError(`This JSON text is refused: ${problem.reason} at ${problem.at}.`);
  return value;
}
