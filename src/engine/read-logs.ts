import { executionNotFound, MobulaError } from '../core/errors.ts';
import { isExecutionId } from '../core/ids.ts';
import { findExecution } from '../db/executions/find.ts';
import { findAttempts } from '../db/executions/find-attempts.ts';
import type { Engine } from './engine.ts';

export interface AttemptLogs {
  readonly attempt: number;
  readonly jobId: string;
  /** The end of what the job printed, redacted, of at most 64 KiB; null where Ray has none (any more). */
  readonly log: string | null;
}

/**
 * The end of the log of an execution's attempt on Ray: the latest, unless another is named. An attempt that ran inline has
 * none: its log is that of the function. A cluster that is away is said (`ray_unavailable`), not shown as an empty log.
 */
export async function readLogs(
  engine: Engine,
  { id, attempt, lines }: { id: string; attempt: number | null; lines: number },
): Promise<AttemptLogs> {
  if (!isExecutionId(id) || !(await findExecution(engine.db, id))) throw executionNotFound();
  const attempts = await findAttempts(engine.db, id);
  const found = attempt === null ? attempts.at(-1) : attempts.find((each) => each.attempt === attempt);
  if (!found?.rayJobId)
    throw new MobulaError('no_logs', 'There is no such attempt on Ray, and so no job that has a log.');
  const runner = engine.remotes.find(({ name }) => name === found.runner);
  if (!runner) throw new MobulaError('ray_unavailable', 'The Ray that ran it is not configured here.');
  const log = await runner.logTail(found.rayJobId, lines);
  if (log === null && !(await runner.health()).reachable) {
    throw new MobulaError('ray_unavailable', 'Ray cannot be reached now.');
  }
  return { attempt: found.attempt, jobId: found.rayJobId, log: log === null ? null : engine.redact(log) };
}
