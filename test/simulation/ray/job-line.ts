import { rayJobId } from '../../../src/core/ids.ts';
import type { SubmitBody } from '../../support/fake-ray/job-book.ts';

/** One of the attempts that a job is for. */
export interface InLine {
  readonly id: string;
  readonly attempt: number;
  /** The job that it would have alone. */
  readonly ownJobId: string;
}

/** The attempts of a job in their order, by what its environment says: one, or those that share it. */
export function lineOf({ runtime_env }: Pick<SubmitBody, 'runtime_env'>): readonly InLine[] {
  const { MOBULA_ATTEMPT_URL = '', MOBULA_ATTEMPTS } = runtime_env?.env_vars ?? {};
  const attempts: [url: string, capability: string][] = MOBULA_ATTEMPTS
    ? JSON.parse(MOBULA_ATTEMPTS)
    : [[MOBULA_ATTEMPT_URL, '']];
  return attempts.map(([url]) => {
    const [, id = '', attempt = ''] = /attempts\/([^/]+)\/(\d+)$/.exec(url) ?? [];
    return { id, attempt: Number(attempt), ownJobId: rayJobId(id, Number(attempt)) };
  });
}
