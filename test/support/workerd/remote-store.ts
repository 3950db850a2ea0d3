import { type ErrorCode, MobulaError } from '../../../src/core/errors.ts';
import type { OpenAnswer, ReadAnswer, ResultStore } from '../../../src/core/result-store.ts';
import { gcsFetchStore } from '../../../src/results/gcs-fetch.ts';
import { s3FetchStore } from '../../../src/results/s3-fetch.ts';
import type { StoreCall, StoreOptions } from './store-call.ts';

/** The store inside the worker at `url`, as if it were here; only references, which need no I/O, are made on this side. */
export function remoteStore(url: string, options: StoreOptions): ResultStore {
  const near = options.backend === 's3' ? s3FetchStore(options) : gcsFetchStore(options);
  type Call = StoreCall extends infer Each ? (Each extends StoreCall ? Omit<Each, 'options'> : never) : never;

  async function send(call: Call, body?: NonNullable<RequestInit['body']>): Promise<Response> {
    const headers = { 'x-call': JSON.stringify({ options, ...call }) };
    const answer = await fetch(url, { method: 'POST', headers, ...(body && { body, duplex: 'half' }) });
    if (answer.ok) return answer;
    const { code, message } = (await answer.json()) as { code: ErrorCode; message: string };
    throw new MobulaError(code, message);
  }
  const ask = async <T>(call: Call, body?: NonNullable<RequestInit['body']>): Promise<T> =>
    (await (await send(call, body)).json()) as T;

  return {
    name: near.name,
    keepsValues: near.keepsValues,
    reference: near.reference,
    put: async (digest, bytes) => void (await ask({ method: 'put', digest }, bytes as Uint8Array<ArrayBuffer>)),
    putStream: (digest, stream) => ask({ method: 'putStream', digest }, stream),
    async read(reference, bytesMax) {
      const answer = await send({ method: 'read', reference, bytesMax });
      const said: ReadAnswer = JSON.parse(answer.headers.get('x-answer') ?? '');
      return said.kind === 'found' ? { ...said, bytes: new Uint8Array(await answer.arrayBuffer()) } : said;
    },
    async open(reference) {
      const answer = await send({ method: 'open', reference });
      const said: OpenAnswer = JSON.parse(answer.headers.get('x-answer') ?? '');
      return said.kind === 'found' ? { ...said, stream: answer.body ?? new Blob([]).stream() } : said;
    },
    has: (digest) => ask({ method: 'has', digest }),
    remove: (reference) => ask({ method: 'remove', reference }),
    signUpload: (digest) => ask({ method: 'signUpload', digest }),
    signDownload: (reference) => ask({ method: 'signDownload', reference }),
    check: () => ask({ method: 'check' }),
  };
}
