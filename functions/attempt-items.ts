import { invalid, MobulaError } from '../src/core/errors.ts';
import { readItems, scanJson } from '../src/core/json-text.ts';
import type { DrivenAttempt } from '../src/engine/drive.ts';
import { type RawMember, rawAnswer, rawArray, rawObject } from '../src/http/json-answer.ts';
import type { Deployed } from './deployed.ts';

/** What its own capability proves of each attempt; null where it proves nothing, or something else. */
export function proveAll(
  { tokens }: Deployed,
  attempts: readonly { readonly id: string; readonly attempt: number; readonly capability: string }[],
  use: 'begin' | 'attempt',
): (DrivenAttempt | null)[] {
  return attempts.map(({ id, attempt, capability }) => {
    const claims = tokens?.read(capability);
    if (claims?.use !== 'begin' && claims?.use !== 'attempt') return null;
    if (claims.id !== id || claims.attempt !== attempt) return null;
    if (claims.use === 'attempt') return { id, attempt, nonce: claims.nonce, task: claims.task };
    return use === 'begin' ? { id, attempt, nonce: '', task: '' } : null;
  });
}

/** One execution twice would leave open which of the two was answered. */
export function refuseTwice(attempts: readonly { readonly id: string }[]): void {
  const ids = attempts.map(({ id }) => id);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (twice >= 0) throw invalid(`attempts.${twice}.id`, 'This execution is there twice.');
}

/** The members of each item as they came. */
export const membersOf = (raw: ReadonlyMap<string, string>): ReadonlyMap<string, string>[] =>
  readItems(raw.get('attempts') ?? '[]').map((item, index) => {
    const scanned = scanJson(item);
    if (scanned.problem) throw invalid(`attempts.${index}.${scanned.problem.path}`, 'This key is there twice.');
    return scanned.members ?? new Map<string, string>();
  });

/** One of the answers of a call about many. */
export type Answered = readonly RawMember[];

/** What one is told whose wish was granted. */
export const ok = (members: Answered): Answered => [['status', '200'], ...members];

/** What one is told that was not, with the status it would have had alone. */
export const problem = (status: number, code: string, detail = ''): Answered => [
  ['status', String(status)],
  ['code', JSON.stringify(code)],
  ...(detail === '' ? [] : [['detail', JSON.stringify(detail)] as const]),
];

export const stale = problem(409, 'attempt_stale');
export const forbidden = problem(403, 'forbidden');

/** An error as the answer of the one it is about; one that is about the whole call is thrown on. */
export function refusal(error: unknown): Answered {
  if (!(error instanceof MobulaError)) throw error;
  if (error.code === 'attempt_stale') return stale;
  if (error.code === 'store_unavailable') return problem(503, error.code);
  if (error.code === 'database_unavailable') throw error;
  return problem(422, error.code, error.message);
}

/** The answer to the call, from those of each. */
export const rawMany = (items: readonly Answered[]): Response =>
  rawAnswer(200, rawObject([['attempts', rawArray(items.map((item) => rawObject(item)))]]));
