import { MobulaError } from '../core/errors.ts';
import type { Execution } from '../core/execution.ts';
import type { Engine } from './engine.ts';

/**
 * The value of an execution as JSON text: from the row, or read back from the store and verified. Everything else is an
 * error that says why: unfinished, failed, only a digest kept, or not readable now. Never a wrong value.
 */
export async function readResult(engine: Pick<Engine, 'store'>, execution: Execution): Promise<string> {
  const { state, result } = execution;
  if (state === 'FAILED') throw new MobulaError('execution_failed', 'The execution failed; it has no result.');
  if (state !== 'SUCCEEDED') throw new MobulaError('not_finished', `The execution is ${state}; it has no result.`);
  if (result.value !== null) return result.value;
  if (result.state === 'digest_only') {
    throw new MobulaError('digest_only', 'Only the digest of this result was kept.', {
      members: { sha256: result.sha256, bytes: result.bytes },
    });
  }
  const answer = await engine.store.read(result.reference ?? '');
  if (answer.kind === 'found') return new TextDecoder('utf-8', { fatal: true }).decode(answer.bytes);
  throw new MobulaError('result_unavailable', answer.message, { members: { reason: answer.kind } });
}
