import { MobulaError } from '../core/errors.ts';
import { once } from './once.ts';
import { type Route, takesBody } from './route.ts';

export interface Body {
  /** What it is by its own word; null where that is nothing the route takes. */
  readonly format: 'json' | 'form' | 'raw' | null;
  /** The bytes, read once and never more of them than the route takes: 413, or 415 where none of this kind are taken. */
  readonly readBytes: () => Promise<Uint8Array>;
}

/** The body of a request, not yet read. An empty one is fine under any content type, so the type alone refuses none. */
export function bodyOf(request: Request, route: Route, bytesMax: number): Body {
  const format = takesBody(route) ? formatOf(request, route) : 'raw';
  const readBytes = once(async () => {
    const bytes = await readBody(request, format ? bytesMax : 0);
    if (bytes) return bytes;
    throw format ? tooLarge(bytesMax) : unsupported(route);
  });
  return { format, readBytes };
}

const jsonType = /^application\/(?:[\w.!#$&^-]+\+)?json$/i;
const formType = /^application\/x-www-form-urlencoded$/i;

function formatOf(request: Request, route: Route): 'json' | 'form' | null {
  if (isJson(request)) return 'json';
  return route.acceptsForm && isOfType(request, formType) ? 'form' : null;
}

/** Whether a request says that its body is JSON, as it is. */
export const isJson = (request: Request): boolean => isOfType(request, jsonType);

function isOfType({ headers }: Request, type: RegExp): boolean {
  const encoding = headers.get('content-encoding') ?? 'identity';
  const said = (headers.get('content-type') ?? '').split(';', 1)[0]!.trim();
  return encoding.toLowerCase() === 'identity' && type.test(said);
}

/** Null where there are more bytes: a body that declares them is not read at all, one that streams them not read on. */
async function readBody(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  const length = request.headers.get('content-length') ?? '';
  const declared = /^\d+$/.test(length) ? Number(length) : null;
  if (declared !== null && declared > bytesMax) return null;
  try {
    // A body of declared length is taken whole, which Node's adapter does without building a stream.
    if (declared !== null) return await takeWhole(request, bytesMax);
    return request.body ? await collect(request.body, bytesMax) : new Uint8Array();
  } catch (cause) {
    throw new MobulaError('malformed_body', 'The body could not be read to its end.', { cause });
  }
}

async function takeWhole(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  return bytes.length > bytesMax ? null : bytes;
}

async function collect(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array | null> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > bytesMax) {
      reader.cancel().catch(() => {}); // not waited for: a sender that never stops must not hold the answer back
      return null;
    }
    chunks.push(next.value);
  }
  return join(chunks, length);
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const tooLarge = (bytesMax: number) =>
  new MobulaError('body_too_large', `The body is larger than ${bytesMax} bytes, the most that is taken here.`);

/** The refusal of a body of another type than the route takes. */
export const unsupported = ({ acceptsForm }: Pick<Route, 'acceptsForm'>) =>
  new MobulaError(
    'unsupported_media_type',
    `The body must be application/json${acceptsForm ? ' or application/x-www-form-urlencoded' : ''}, without an encoding.`,
  );
