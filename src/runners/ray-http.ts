import { type Redact, redactor } from './ray-redact.ts';
import { type RayRequest, type RayTransport, rayTransport } from './ray-transport.ts';

export interface RayHttpOptions {
  /** The dashboard's http(s) URL. A path prefix is kept; credentials in it are those of a proxy in front of Ray. */
  readonly address: string;
  /** Ray's own token. */
  readonly token?: string | null | undefined;
  /** Further headers, for a proxy in front of Ray. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly transport?: RayTransport | undefined;
}

/** Whatever Ray, or something in its place, said; or that nothing usable came, in words that are safe to show. */
export type RayAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  | { readonly kind: 'unreachable'; readonly tooLarge: boolean; readonly message: string };

export interface RayBounds {
  readonly timeoutMs: number;
  /** Of this call alone, beside those of every call. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Of an answer's body; a longer one counts as no answer. */
const answerBytesMax = 262_144;

export type RayHttp = ReturnType<typeof rayHttp>;

/**
 * Speaks to one Ray dashboard: every call is bounded in time and bytes, and nothing is thrown. The credentials go to
 * the configured origin alone: paths are appended to the base, and no redirect is followed.
 */
export function rayHttp({ address, token, headers: extra = {}, transport = rayTransport() }: RayHttpOptions) {
  const { base, headers, secrets } = credentials(address, token ?? null, extra);
  const redact: Redact = redactor(secrets);

  const call = async (request: Omit<RayRequest, 'signal' | 'headers'>, path: string, bounds: RayBounds, type = '') => {
    const signal = AbortSignal.timeout(bounds.timeoutMs);
    const typed = { ...headers, ...(type === '' ? {} : { 'content-type': type }), ...bounds.headers };
    try {
      const response = await transport(base + path, { ...request, headers: typed, signal });
      const text = await readText(response);
      return { kind: 'answered', status: response.status, text } satisfies RayAnswer;
    } catch (error) {
      const why = signal.aborted ? `no whole answer within ${bounds.timeoutMs / 1_000} s` : redact(reasonOf(error));
      const tooLarge = error instanceof AnswerTooLarge;
      return { kind: 'unreachable', tooLarge, message: `Ray could not be reached: ${why}.` } satisfies RayAnswer;
    }
  };

  return {
    /** The address without credentials. */
    base,
    redact,
    get: (path: string, bounds: RayBounds): Promise<RayAnswer> => call({ method: 'GET', body: null }, path, bounds),
    post: (path: string, json: string, bounds: RayBounds): Promise<RayAnswer> =>
      call({ method: 'POST', body: json }, path, bounds, 'application/json'),
    put: (path: string, body: Uint8Array<ArrayBuffer>, bounds: RayBounds): Promise<RayAnswer> =>
      call({ method: 'PUT', body }, path, bounds, 'application/octet-stream'),
    delete: (path: string, bounds: RayBounds): Promise<RayAnswer> =>
      call({ method: 'DELETE', body: null }, path, bounds),
  };
}

function credentials(address: string, token: string | null, extra: Readonly<Record<string, string>>) {
  const url = new URL(address);
  const headers: Record<string, string> = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'mobula' };
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(pair)))}`;
  }
  for (const [name, value] of Object.entries(extra)) headers[name.toLowerCase()] = value;
  // Ray reads its second header only where the first is not in use by a proxy, and knows `Bearer` in no other case.
  if (token !== null) headers['authorization' in headers ? 'x-ray-authorization' : 'authorization'] = `Bearer ${token}`;

  const secrets = [
    token ?? '',
    decodeURIComponent(url.password),
    headers['authorization'] ?? '',
    ...Object.values(extra),
  ];
  return { base: url.origin + url.pathname.replace(/\/+$/, ''), headers, secrets };
}

class AnswerTooLarge extends Error {}

/** The body as text, given up as soon as it is longer than it may be: what comes after is never read. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > answerBytesMax) throw new AnswerTooLarge(`the answer is longer than ${answerBytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    [error.message, error.message.includes(code) ? '' : code].filter((part) => part !== '').join(' ') || error.name
  );
}
