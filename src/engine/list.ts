import { canonicalText } from '../core/canonical.ts';
import { invalid } from '../core/errors.ts';
import type { Execution } from '../core/execution.ts';
import { isExecutionId } from '../core/ids.ts';
import { sha256Hex } from '../core/sha256.ts';
import { type ListFilters, listExecutions } from '../db/executions/list.ts';
import type { Engine } from './engine.ts';

export interface Page {
  readonly executions: readonly Execution[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/**
 * One page of executions, newest first. A cursor is good for the filters it came with and no others: with others it would
 * skip what it has never shown.
 */
export async function listPage(
  engine: Engine,
  filters: ListFilters,
  { cursor, limit }: { cursor: string | null; limit: number },
): Promise<Page> {
  const mark = (await sha256Hex(canonicalText(toPlain(filters)))).slice(0, 16);
  const before = cursor === null ? null : readCursor(cursor, mark);
  const { executions, hasMore } = await listExecutions(engine.db, filters, { before, limit });
  const last = executions.at(-1);
  return { executions, nextCursor: hasMore && last ? `${mark}.${last.id}` : null };
}

const toPlain = ({ createdAfter, createdBefore, ...rest }: ListFilters) => ({
  ...rest,
  createdAfter: createdAfter?.toISOString() ?? null,
  createdBefore: createdBefore?.toISOString() ?? null,
});

function readCursor(cursor: string, mark: string): string {
  const id = cursor.slice(mark.length + 1);
  if (cursor.startsWith(`${mark}.`) && isExecutionId(id)) return id;
  throw invalid('cursor', 'This is not a cursor of a list with these filters.');
}
