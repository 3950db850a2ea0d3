import { MobulaError } from '../src/core/errors.ts';
import type { ServedHook } from '../src/core/hook.ts';
import { parseExact } from '../src/core/json-text.ts';
import { toJsonText } from '../src/core/json-value.ts';
import type { Log } from '../src/core/observe.ts';
import { isJson, unsupported } from '../src/http/body.ts';
import { failureText } from '../src/http/failure-text.ts';

export interface ReceivedDelivery {
  readonly id: string | null;
  readonly request: Request;
  readonly bytes: Uint8Array;
}

/**
 * The input that a hook makes of a delivery, as JSON text; null where it lets the delivery pass. Nothing of a payload is
 * kept but what the hook takes from it, so only that has to be what we can store.
 */
export async function readInput(hook: ServedHook, delivery: ReceivedDelivery, log: Log): Promise<string | null> {
  const payload = readPayload(delivery);
  const { id, request } = delivery;
  try {
    const input = await hook.input(payload, { id, headers: request.headers });
    return input === null || input === undefined ? null : toJsonText(input, 'input');
  } catch (cause) {
    log('warn', 'delivery_refused', { task: hook.task.name, delivery: id, error: failureText(cause) });
    throw new MobulaError('invalid_request', 'The hook could not make an input of this payload.', { cause });
  }
}

function readPayload({ request, bytes }: ReceivedDelivery): unknown {
  if (bytes.length === 0) return {};
  if (!isJson(request)) throw unsupported({});
  try {
    return parseExact(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new MobulaError('malformed_body', 'The payload is not JSON in UTF-8.', { cause });
  }
}
