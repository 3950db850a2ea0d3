import { limits } from './limits.ts';

/**
 * The JSON text of a value made in TypeScript: a task's input or result, progress, metadata.
 *
 * Only what JSON can say passes, so that whoever reads it back has what was meant: a bigint is written as an integer and
 * an undefined member of an object is left out, as optional fields are; anything else that `JSON.stringify` would bend
 * (NaN, a Date, a Map, an undefined item) or a database would refuse (NUL, lone surrogates) is a TypeError that names
 * its path under `name`, such as `input.items.3`.
 */
export const toJsonText = (value: unknown, name = 'value'): string => write(value, name, 0);

function write(value: unknown, path: string, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, path);
    case 'number':
      if (!Number.isFinite(value)) throw refused(path, `is ${value}`);
      return JSON.stringify(value);
    case 'bigint':
      if (!Number.isFinite(Number(value))) throw refused(path, 'is larger than any JSON number that readers agree on');
      return value.toString();
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writeContainer(value, path, depth + 1);
    default:
      throw refused(path, `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`);
  }
}

function writeString(text: string, path: string): string {
  if (text.includes('\0')) throw refused(path, 'has a NUL character');
  if (!text.isWellFormed()) throw refused(path, 'has half of a surrogate pair');
  return JSON.stringify(text);
}

function writeContainer(value: object, path: string, depth: number): string {
  if (depth > limits.jsonDepth) {
    throw refused(path, `is nested deeper than ${limits.jsonDepth} levels, or refers to itself`);
  }
  if ('toJSON' in value) throw refused(path, `is ${nameOf(value)}, which JSON cannot say`);
  if (Array.isArray(value)) {
    // Not `map`, which would pass over the holes of a sparse array.
    return `[${Array.from(value, (item, index) => write(item, `${path}.${index}`, depth)).join(',')}]`;
  }
  if (!isPlain(value)) throw refused(path, `is ${nameOf(value)}, which JSON cannot say`);
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    members.push(`${writeString(key, path)}:${write(member, `${path}.${key}`, depth)}`);
  }
  return `{${members.join(',')}}`;
}

/** An object of a literal, also one of another realm or without a prototype. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

const nameOf = (value: object): string => `an instance of ${value.constructor?.name || 'a class'}`;

const refused = (path: string, why: string) => new TypeError(`${path} ${why}.`);

/** How many bytes a text takes in UTF-8, counted without making them. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // A surrogate pair is two units and four bytes; half of one is written as U+FFFD, three bytes.
    if (code >= 0xd800 && code <= 0xdbff && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      bytes += 2;
      at += 1;
    } else if (code >= 0x800) bytes += 2;
    else if (code >= 0x80) bytes += 1;
  }
  return bytes;
}
