import { MobulaError } from '../core/errors.ts';
import { type Execution, isFinal } from '../core/execution.ts';
import { limits } from '../core/limits.ts';
import type { NoValue } from '../core/result-store.ts';
import type { Engine } from './engine.ts';

/** The value of an execution as JSON text, read whole and verified; what is wrong instead is an error that says it. */
export async function readResult(engine: Pick<Engine, 'store'>, execution: Execution): Promise<string> {
  const { result } = finishedWithValue(execution);
  if (result.value !== null) return result.value;
  const answer = await engine.store.read(result.reference ?? '', Number.POSITIVE_INFINITY);
  if (answer.kind === 'found') return toText(answer.bytes);
  throw unavailable(answer);
}

/** How a value goes out over HTTP: as it is, from where the store gives it, or piece by piece. */
export type ServedResult =
  | { readonly kind: 'whole'; readonly value: string }
  | { readonly kind: 'elsewhere'; readonly url: string; readonly sha256: string; readonly bytes: number }
  | { readonly kind: 'stream'; readonly stream: ReadableStream<Uint8Array>; readonly bytes: number };

/**
 * The value of an execution for a caller far away. Up to 8 MiB, or to `answerBytes` where an answer has room for less, it
 * is verified before it is sent; a larger one is fetched from the store itself by a signed URL, or passes through verified
 * as it goes: a mismatch cuts it short.
 */
export async function serveResult(
  engine: Pick<Engine, 'store'>,
  execution: Execution,
  answerBytes: number = limits.resultInMemoryBytes,
): Promise<ServedResult> {
  const { result } = finishedWithValue(execution);
  if (result.value !== null) return { kind: 'whole', value: result.value };
  const reference = result.reference ?? '';
  const answer = await engine.store.read(reference, Math.min(answerBytes, limits.resultInMemoryBytes));
  if (answer.kind === 'found') return { kind: 'whole', value: toText(answer.bytes) };
  if (answer.kind !== 'too_large') throw unavailable(answer);
  const url = await engine.store.signDownload(reference);
  if (url !== null) return { kind: 'elsewhere', url, sha256: result.sha256 ?? '', bytes: result.bytes ?? 0 };
  const opened = await engine.store.open(reference);
  if (opened.kind !== 'found') throw unavailable(opened);
  return { kind: 'stream', stream: opened.stream, bytes: opened.bytes };
}

/** An execution that has a value, inline or in a store; anything else says why it has none. */
function finishedWithValue(execution: Execution): Execution {
  const { state, result } = execution;
  if (state !== 'SUCCEEDED') {
    const code = isFinal(state) ? 'execution_failed' : 'not_finished';
    throw new MobulaError(code, `The execution is ${state}; it has no result.`);
  }
  if (result.state !== 'digest_only') return execution;
  throw new MobulaError('digest_only', 'Only the digest of this result was kept.', {
    members: { sha256: result.sha256, bytes: result.bytes, reason: result.reason },
  });
}

const unavailable = ({ kind, message }: NoValue | { kind: 'too_large'; message: string }) =>
  new MobulaError('result_unavailable', message, { members: { reason: kind } });

const toText = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
