export type Body = NonNullable<RequestInit['body']>;

/** workerd's own: a stream that says its length, so that the request has one. */
declare const FixedLengthStream: undefined | (new (bytes: number) => TransformStream<Uint8Array, Uint8Array>);

/**
 * A request's body of known length. Object stores refuse a chunked one: Node's `fetch` takes the length from the header
 * that the caller sets, workerd's from the stream.
 */
export function toBody(body: Uint8Array | ReadableStream<Uint8Array>, bytes: number): Body {
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  return typeof FixedLengthStream === 'undefined' ? body : body.pipeThrough(new FixedLengthStream(bytes));
}

/** A request's body, as `fetch` is to send it. */
export function toInit(body: Body | undefined): RequestInit {
  if (body === undefined) return {};
  const init = { body, duplex: 'half' } as const;
  if (!(body instanceof ReadableStream) || typeof FixedLengthStream !== 'undefined') return init;
  // Node's `fetch` keeps all that it has sent of a stream for a redirect to come, unless none is allowed (undici#4058).
  return { ...init, redirect: 'error', window: null };
}

/** What an answer says its length is. */
export function lengthOf(answer: Response): number | null {
  const length = answer.headers.get('content-length');
  return length === null ? null : Number(length);
}

/** Lets go of a body that nobody reads, and of its connection. */
export function cancelBody(answer: Response): void {
  answer.body?.cancel().catch(() => undefined);
}

const headBytes = 16_384;

/** The beginning of an answer's text; the rest is never read. */
export async function readHead(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length >= headBytes) break;
  }
  return text;
}
