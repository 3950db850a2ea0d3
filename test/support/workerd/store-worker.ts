import { MobulaError } from '../../../src/core/errors.ts';
import type { OpenAnswer, ReadAnswer, ResultStore } from '../../../src/core/result-store.ts';
import { gcsFetchStore } from '../../../src/results/gcs-fetch.ts';
import { s3FetchStore } from '../../../src/results/s3-fetch.ts';
import type { StoreCall } from './store-call.ts';

// What runs inside workerd: result stores that are made once and used by many requests, as a Worker's are.

const stores = new Map<string, ResultStore>();

function storeOf({ options }: StoreCall): ResultStore {
  const name = JSON.stringify(options);
  const known = stores.get(name);
  if (known) return known;
  const made = options.backend === 's3' ? s3FetchStore(options) : gcsFetchStore(options);
  stores.set(name, made);
  return made;
}

async function run(call: StoreCall, request: Request): Promise<Response> {
  const store = storeOf(call);
  switch (call.method) {
    case 'put':
      return Response.json((await store.put(call.digest, new Uint8Array(await request.arrayBuffer()))) ?? null);
    case 'putStream':
      return Response.json(await store.putStream(call.digest, request.body ?? new Blob([]).stream()));
    case 'read':
      return withBody(await store.read(call.reference, call.bytesMax));
    case 'open':
      return withBody(await store.open(call.reference));
    case 'has':
      return Response.json(await store.has(call.digest));
    case 'remove':
      return Response.json(await store.remove(call.reference));
    case 'signUpload':
      return Response.json(await store.signUpload(call.digest));
    case 'signDownload':
      return Response.json(await store.signDownload(call.reference));
    case 'check':
      return Response.json(await store.check());
  }
}

/** The answer without its bytes is in a header. */
function withBody(answer: ReadAnswer | OpenAnswer): Response {
  if (answer.kind !== 'found') return new Response(null, { headers: { 'x-answer': JSON.stringify(answer) } });
  const body = 'stream' in answer ? answer.stream : (answer.bytes as Uint8Array<ArrayBuffer>);
  const { kind, bytes } = answer;
  return new Response(body, {
    headers: { 'x-answer': JSON.stringify('stream' in answer ? { kind, bytes } : { kind }) },
  });
}

export default {
  async fetch(request: Request): Promise<Response> {
    const call: StoreCall = JSON.parse(request.headers.get('x-call') ?? '');
    try {
      return await run(call, request);
    } catch (error) {
      const known = error instanceof MobulaError ? { code: error.code, message: error.message } : null;
      return Response.json(known ?? { code: 'unknown', message: String(error) }, { status: 500 });
    }
  },
};
