import type { SubmitBody } from './job-book.ts';
import type { Reply } from './rest.ts';

const known: Record<string, 'string' | 'number' | 'object'> = {
  entrypoint: 'string',
  submission_id: 'string',
  runtime_env: 'object',
  metadata: 'object',
  entrypoint_num_cpus: 'number',
  entrypoint_num_gpus: 'number',
  entrypoint_memory: 'number',
  entrypoint_resources: 'object',
  entrypoint_label_selector: 'object',
};

const trouble: Reply = {
  status: 500,
  text: '500 Internal Server Error\n\nServer got itself in trouble',
  type: 'text/plain',
};

/** Ray's aiohttp agent takes about one MiB. */
const bodyBytesMax = 1_048_576;

/** Judges a submission's body as Ray does: what its dataclass refuses is a 400 with a traceback, the rest is trouble. */
export function checkSubmission(raw: Buffer): { body: SubmitBody } | { reply: Reply } {
  if (raw.length > bodyBytesMax)
    return { reply: { status: 500, text: 'Request Entity Too Large', type: 'text/plain' } };
  const fields = parseObject(raw);
  if (fields === null) return { reply: trouble };
  const problem = typeProblem(fields);
  if (problem !== null) return { reply: refusal(400, `TypeError: ${problem}`) };
  const bad = Object.keys((fields['entrypoint_label_selector'] as object) ?? {}).find((key) => !/^[\w./-]+$/.test(key));
  if (bad !== undefined) {
    const nested = `RuntimeError: Request failed with status code 400: Traceback (most recent call last):\nValueError: Invalid label key name \`${bad}\`.\n.`;
    return { reply: refusal(500, nested) };
  }
  return { body: fields as unknown as SubmitBody };
}

const refusal = (status: number, exception: string): Reply => ({
  status,
  text: `Traceback (most recent call last):\n  File "/ray/dashboard/modules/job/utils.py", line 128, in parse_and_validate_request\n    return validate_request_type(json_data, request_type)\n${exception}\n`,
  type: 'text/plain',
});

function parseObject(raw: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) : null;
  } catch {
    return null;
  }
}

function typeProblem(fields: Record<string, unknown>): string | null {
  for (const [name, value] of Object.entries(fields)) {
    const type = known[name];
    if (type === undefined) return `JobSubmitRequest.__init__() got an unexpected keyword argument '${name}'`;
    if (typeof value !== type || Array.isArray(value)) return `${name} must be a ${type}, got ${typeof value}`;
  }
  if (!('entrypoint' in fields))
    return "JobSubmitRequest.__init__() missing 1 required positional argument: 'entrypoint'";
  const values = Object.values((fields['metadata'] as Record<string, unknown> | undefined) ?? {});
  if (values.some((value) => typeof value !== 'string')) return "metadata values must be strings, got <class 'int'>";
  return null;
}
