import type { StoredValue } from '../core/attempt.ts';
import { MobulaError } from '../core/errors.ts';
import { utf8Bytes } from '../core/json-value.ts';
import { messageOf } from '../core/observe.ts';
import type { Digest } from '../core/result-store.ts';
import { sha256Hex } from '../core/sha256.ts';
import { type ResultObject, registerObject } from '../db/result-objects.ts';
import type { Engine } from './engine.ts';

/** After each try; null ends it. */
const pausesMs = [200, 1_000, null];

/**
 * Finds a value its home: the row up to the threshold, the result store beyond it. A store that fails after three tries
 * costs the value and not the task: its digest is kept with the reason, and the log told. A database that is away costs
 * neither: it is thrown, for the caller to ask again.
 */
export async function keepValue(engine: Engine, value: string): Promise<StoredValue> {
  if (fitsInRow(engine, value)) return { state: 'inline', value };
  const digest = { sha256: await sha256Hex(value), bytes: utf8Bytes(value) };
  if (!engine.store.keepsValues) return digestOnly(engine, digest, 'No result store is configured.');
  try {
    const reference = engine.store.reference(digest);
    await putWithPatience(engine, { ...digest, reference }, value);
    return { state: 'stored', reference, ...digest };
  } catch (error) {
    if (error instanceof MobulaError && error.code === 'database_unavailable') throw error;
    return digestOnly(engine, digest, messageOf(error));
  }
}

/** Whether a value stays in the row: then keeping it takes nobody's word and no time. */
export const fitsInRow = (engine: Engine, value: string): boolean => utf8Bytes(value) <= engine.settings.inlineBytes;

/** Keeps length and digest alone, and says so. */
export function digestOnly(engine: Engine, digest: Digest, reason: string): StoredValue {
  engine.log('warn', 'result_digest_only', { sha256: digest.sha256, bytes: digest.bytes, reason });
  const reference = `oversize://sha256/${digest.sha256}?bytes=${digest.bytes}`;
  return { state: 'digest_only', reference, reason, sha256: digest.sha256, bytes: digest.bytes };
}

async function putWithPatience(engine: Engine, object: ResultObject, value: string): Promise<void> {
  const content = new TextEncoder().encode(value);
  await patiently(async () => {
    if (!(await registerObject(engine.db, object))) throw new Error('The same value is being removed.');
    await engine.store.put(object, content);
  });
}

/** What a call to the result store answers, given three tries within little more than a second. */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await call();
    } catch (error) {
      if (pauseMs === null) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  throw new RangeError('There is no last try.');
}
