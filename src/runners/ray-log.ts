import type { RayHttp } from './ray-http.ts';
import { storable } from './ray-redact.ts';

const logBytesMax = 65_536;

interface LogRequest {
  readonly jobId: string;
  readonly nodeId: string;
  readonly lines: number;
  readonly timeoutMs: number;
  /** Left out before the log is cut, as half a secret would not be recognised. */
  readonly secrets: readonly string[];
}

/**
 * The last `lines` of a job's log, at most 64 KiB of them; null where the node that has it is gone, or a line alone is
 * longer than we read. Not by `/logs`, which sends the whole file, and fails for ever on a byte that is not UTF-8.
 */
export async function readLogTail(
  http: RayHttp,
  { jobId, nodeId, lines, timeoutMs, secrets }: LogRequest,
): Promise<string | null> {
  for (let count = Math.max(1, Math.trunc(lines)); count >= 1; count = Math.floor(count / 10)) {
    const query = new URLSearchParams({ node_id: nodeId, submission_id: jobId, lines: String(count) });
    const answer = await http.get(`/api/v0/logs/file?${query}`, { timeoutMs });
    if (answer.kind === 'answered')
      return answer.status === 200 ? lastBytes(storable(http.redact(answer.text, secrets))) : null;
    // More than we read: the end is what matters, so ask for less of it.
    if (!answer.tooLarge) return null;
  }
  return null;
}

function lastBytes(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= logBytesMax) return text;
  // A character cut in half is dropped, not replaced: three stand-ins may be longer than what was cut.
  let from = bytes.length - logBytesMax;
  while (((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
  return new TextDecoder().decode(bytes.subarray(from));
}
