import type * as z from 'zod';
import { invalid, MobulaError } from '../core/errors.ts';
import { type JsonProblem, parseExact, scanJson } from '../core/json-text.ts';
import { toJsonText } from '../core/json-value.ts';
import { limits } from '../core/limits.ts';
import type { FormReader } from './form.ts';

/** A body as it was sent: its value, and the text of each of its members. */
export interface ParsedBody {
  readonly value: unknown;
  readonly raw: ReadonlyMap<string, string>;
}

export const emptyBody: ParsedBody = { value: {}, raw: new Map() };

const whyRefused: Readonly<Record<Exclude<JsonProblem['reason'], 'syntax'>, string>> = {
  depth: `is nested deeper than ${limits.jsonDepth} levels`,
  nul: 'has a NUL character',
  surrogate: 'has half of a surrogate pair',
  number: 'is a number that overflows a double',
  duplicate: 'is there twice',
};

/** Reads a JSON object: 400 where the bytes are none, 422 where they are one that we do not take. */
export function parseJson(bytes: Uint8Array): ParsedBody {
  const text = decode(bytes);
  const scanned = scanJson(text);
  if (scanned.problem) throw refusal(scanned.problem);
  if (!scanned.members) throw malformed('The body must be a JSON object.');
  return { value: parseExact(scanned.text), raw: scanned.members };
}

/** Reads a form as the JSON object it stands for. */
export function parseForm(bytes: Uint8Array, read: FormReader): ParsedBody {
  const value = parsePairs(new URLSearchParams(decode(bytes)), read);
  return { value, raw: new Map(Object.entries(value).map(([key, member]) => [key, toJsonText(member, key)])) };
}

/** Reads the pairs of a form or a query string; the one thing a text can be that nothing takes is one with a NUL. */
export function parsePairs(pairs: URLSearchParams, read: FormReader): Record<string, unknown> {
  for (const [key, text] of pairs) {
    if (key.includes('\0') || text.includes('\0')) throw refusal({ reason: 'nul', path: key, at: 0 });
  }
  return read(pairs);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed('The body is not UTF-8.', cause);
  }
}

function refusal({ reason, path, at }: JsonProblem): MobulaError {
  if (reason === 'syntax') return malformed(`The body is not JSON: unexpected character or end at offset ${at}.`);
  const field = path.replaceAll('\0', '');
  return invalid(field || undefined, `${field ? shown(field) : 'The body'} ${whyRefused[reason]}.`);
}

const malformed = (message: string, cause?: unknown) => new MobulaError('malformed_body', message, { cause });

/** The value as the schema gives it, or a refusal that names the first field to mend. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const issues = checked.error.issues.map((issue) => innermost(issue, []));
  // A mistyped name also leaves the right one missing: the unknown name tells more.
  const { issue, path } = issues.find((found) => found.issue.code === 'unrecognized_keys') ?? issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    const field = [...path, issue.keys[0]].join('.');
    throw invalid(field, `There is no field ${shown(field)} here.`, 'unknown_field');
  }
  const field = path.join('.');
  throw invalid(field || undefined, `${field ? shown(field) : 'The request'} is not valid: ${reasonOf(issue)}.`);
}

type Issue = z.core.$ZodIssue;
interface Found {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/** Follows a union into the branch that the value came furthest with. */
function innermost(issue: Issue, prefix: readonly PropertyKey[]): Found {
  const path = [...prefix, ...issue.path];
  if (issue.code !== 'invalid_union') return { issue, path };
  const branches = issue.errors.flatMap(([first]) => (first ? [innermost(first, path)] : []));
  const furthest = branches.toSorted((a, b) => b.path.length - a.path.length)[0];
  return furthest && furthest.path.length > path.length ? furthest : { issue, path };
}

/** Zod's sentence in the middle of ours; it names what is expected and never quotes what was sent. */
function reasonOf(issue: Issue): string {
  if (issue.code === 'invalid_union') {
    const expected = issue.errors.flatMap(([first]) => (first?.code === 'invalid_type' ? [first.expected] : []));
    return expected.length > 0 ? `expected ${[...new Set(expected)].join(' or ')}` : 'it fits none of the forms';
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return 'it is required';
  const message = issue.message.replace(/^Invalid input: /, '').replace(/\.$/, '');
  return message.charAt(0).toLowerCase() + message.slice(1);
}

const shownLength = 100;
const shown = (field: string): string => JSON.stringify(field.slice(0, shownLength));
