import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Digest, ResultStore, SignedUpload } from '../../src/core/result-store.ts';

/** A store, a neighbour that is like it in all but one name, and a way to its objects behind its back. */
export interface StoreBench {
  readonly store: ResultStore;
  /** Of the same kind and with the same rights, in another bucket, prefix or folder. */
  readonly neighbour: ResultStore;
  /** Puts other bytes in the place of a value, as an intruder or a broken disk would. */
  tamper(digest: Digest, bytes: Uint8Array): Promise<void>;
  close?(): Promise<void>;
}

export interface Value {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** A JSON text and its digest. */
export function toValue(text: string): Value {
  const bytes = new TextEncoder().encode(text);
  return { bytes, digest: { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength } };
}

let made = 0;

/** A value that no other test has, of about so many bytes. */
export const freshValue = (bytes = 20): Value => {
  made += 1;
  return toValue(JSON.stringify(`${made} ${crypto.randomUUID()} ${'é'.repeat(bytes / 2)}`));
};

/** A stream of some bytes, in pieces. */
export const streamOf = (bytes: Uint8Array, pieceBytes = 16_384): ReadableStream<Uint8Array> =>
  ReadableStream.from(
    (function* () {
      for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
    })(),
  );

/** What came of a stream before it ended or failed. */
export async function drain(stream: ReadableStream<Uint8Array>): Promise<{ bytes: Buffer; failed: boolean }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of stream) pieces.push(piece);
    return { bytes: Buffer.concat(pieces), failed: false };
  } catch {
    return { bytes: Buffer.concat(pieces), failed: true };
  }
}

/** Sends a value as a driver would: what it was told to, and nothing else. */
export async function upload({ method, url, headers }: SignedUpload, bytes: Uint8Array): Promise<number> {
  const answer = await fetch(url ?? '', { method, headers, body: bytes as Uint8Array<ArrayBuffer> });
  await answer.body?.cancel();
  return answer.status;
}

const whole = Number.MAX_SAFE_INTEGER;

const unless = (isNaive: boolean | undefined) => (isNaive ? test.skip : test);

/** What a server of others is known not to do, so that it cannot be shown there. */
export interface Naivety {
  /** It writes over what is there. */
  readonly overwrites?: boolean;
  /** It keeps what it got of an upload that broke off. */
  readonly keepsHalves?: boolean;
}

/** What every result store promises that keeps values, whatever keeps them. */
export function describeStore(name: string, make: () => Promise<StoreBench>, naive: Naivety = {}): void {
  describe(`the result store ${name}`, () => {
    let bench: StoreBench;
    let store: ResultStore;
    beforeAll(async () => {
      bench = await make();
      store = bench.store;
    });
    afterAll(() => bench.close?.());

    const kept = async (value = freshValue()): Promise<Value & { reference: string }> => {
      await store.put(value.digest, value.bytes);
      return { ...value, reference: store.reference(value.digest) };
    };
    const readText = async (reference: string): Promise<string> => {
      const answer = await store.read(reference, whole);
      return answer.kind === 'found' ? Buffer.from(answer.bytes).toString() : answer.kind;
    };

    test('has nothing to say against itself', async () => {
      expect(await store.check()).toEqual([]);
    });

    test.each([
      ['a number', '17'],
      ['an empty text', '""'],
      ['text beyond ASCII', '"Grüße, 世界 🙂 \\u2028"'],
      ['digits that a double cannot hold', '[9007199254740993,1e-7,-0.0]'],
      ['a value of more than one piece', JSON.stringify(Array.from({ length: 60_000 }, (_, index) => `${index}é`))],
    ])('gives %s back byte by byte, read whole or as a stream', async (_, text) => {
      const { digest, bytes } = toValue(text);
      await store.put(digest, bytes);
      expect(await readText(store.reference(digest))).toBe(text);
      const opened = await store.open(store.reference(digest));
      expect(opened).toMatchObject({ kind: 'found', bytes: digest.bytes });
      if (opened.kind === 'found')
        expect(await drain(opened.stream)).toEqual({ bytes: Buffer.from(text), failed: false });
    });

    test('tells a value that is absent from one that is null', async () => {
      const none = toValue('null');
      await store.remove(store.reference(none.digest));
      expect(await store.read(store.reference(none.digest), whole)).toMatchObject({ kind: 'absent' });
      expect(await store.open(store.reference(none.digest))).toMatchObject({ kind: 'absent' });
      await kept(none);
      expect(await readText(store.reference(none.digest))).toBe('null');
    });

    test('keeps one object of a value, however often and by however many it is put', async () => {
      const value = freshValue(40_000);
      await Promise.all(Array.from({ length: 8 }, () => store.put(value.digest, value.bytes)));
      await store.put(value.digest, value.bytes);
      expect(await readText(store.reference(value.digest))).toBe(Buffer.from(value.bytes).toString());
    });

    unless(naive.overwrites)('never writes over what is there, and does not call it the value', async () => {
      const value = freshValue();
      await bench.tamper(value.digest, Buffer.from('"x"'));
      await expect(store.put(value.digest, value.bytes)).rejects.toMatchObject({ code: 'store_unavailable' });
      await expect(store.putStream(value.digest, streamOf(value.bytes))).rejects.toMatchObject({
        code: 'store_unavailable',
      });
      expect(await store.has(value.digest)).toBe(false);
      expect(await store.read(store.reference(value.digest), whole)).toMatchObject({ kind: 'mismatch' });
    });

    test.each([
      ['altered', (bytes: Buffer) => bytes.fill('?', 5, 6)],
      ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
      ['made longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(' ')])],
      ['emptied', () => Buffer.alloc(0)],
    ])('never gives out a value that was %s', async (_, alter) => {
      const { digest, bytes, reference } = await kept(freshValue(200_000));
      await bench.tamper(digest, alter(Buffer.from(bytes)));
      expect(await store.read(reference, whole)).toMatchObject({ kind: 'mismatch' });
      const opened = await store.open(reference);
      if (opened.kind !== 'found') return expect(opened.kind).toBe('mismatch');
      const { bytes: before, failed } = await drain(opened.stream);
      expect(failed).toBe(true);
      expect(before.byteLength).toBeLessThan(digest.bytes);
    });

    test('reads no more than it is asked for', async () => {
      const { digest, reference } = await kept(freshValue(1_000));
      expect(await store.read(reference, digest.bytes)).toMatchObject({ kind: 'found' });
      expect(await store.read(reference, digest.bytes - 1)).toMatchObject({ kind: 'too_large' });
    });

    test('does not know a value of another length or digest', async () => {
      const { digest } = await kept();
      expect(await store.has(digest)).toBe(true);
      expect(await store.has({ ...digest, bytes: digest.bytes + 1 })).toBe(false);
      expect(await store.has(freshValue().digest)).toBe(false);
    });

    test('removes a value once, and does not mind being asked again', async () => {
      const { digest, reference } = await kept();
      expect(await store.remove(reference)).toBe(true);
      expect(await store.has(digest)).toBe(false);
      expect(await store.read(reference, whole)).toMatchObject({ kind: 'absent' });
      expect(await store.remove(reference)).toBe(true);
    });

    test('leaves alone what its neighbour keeps', async () => {
      const value = freshValue();
      await bench.neighbour.put(value.digest, value.bytes);
      const reference = bench.neighbour.reference(value.digest);
      // The references of folders do not say which folder.
      const isForeign = reference !== store.reference(value.digest);
      const kind = isForeign ? 'foreign' : 'absent';
      expect(await store.read(reference, whole)).toMatchObject({ kind });
      expect(await store.open(reference)).toMatchObject({ kind });
      expect(await store.signDownload(reference)).toBeNull();
      expect(await store.remove(reference)).toBe(!isForeign);
      expect(await bench.neighbour.has(value.digest)).toBe(true);
    });

    test('takes no reference but those it would write itself', async () => {
      const { reference, digest } = await kept();
      const { sha256, bytes } = digest;
      const [first, second] = [sha256.slice(0, 2), sha256.slice(2, 4)];
      const forged = [
        '',
        'null',
        reference.replace(/^\w+:/, 'file:'),
        reference.replace(`${first}/${second}/`, `${first}/../`),
        reference.replace(`${first}/${second}/`, '../../../etc/'),
        reference.replace(`${first}/${second}/`, `%2e%2e/${second}/`),
        reference.replace(`${first}/${second}/`, `/${first}/${second}/`),
        reference.replaceAll(sha256, sha256.toUpperCase()),
        reference.replaceAll(sha256, sha256.slice(1)),
        reference.replace('.json', '.json.bak'),
        reference.replace(`bytes=${bytes}`, `bytes=0${bytes}`),
        reference.replace(`bytes=${bytes}`, 'bytes=-1'),
        `${reference}&x=1`,
        `${reference}\n`,
        ` ${reference}`,
        reference.replace(`bytes=${bytes}`, 'bytes=99999999999999999999'),
      ].filter((text) => text !== reference);
      for (const text of forged) {
        expect(await store.read(text, whole), text).toMatchObject({ kind: 'foreign' });
        expect(await store.open(text), text).toMatchObject({ kind: 'foreign' });
        expect(await store.remove(text), text).toBe(false);
        expect(await store.signDownload(text), text).toBeNull();
      }
      expect(await store.has(digest)).toBe(true);
    });

    describe('given a stream', () => {
      test('keeps the value that came in pieces', async () => {
        const value = freshValue(300_000);
        expect(await store.putStream(value.digest, streamOf(value.bytes))).toBe(true);
        expect(await readText(store.reference(value.digest))).toBe(Buffer.from(value.bytes).toString());
      });

      unless(naive.keepsHalves).each([
        ['other bytes', (bytes: Buffer) => bytes.fill('?', 5, 6)],
        ['too few bytes', (bytes: Buffer) => bytes.subarray(0, -1)],
        ['too many bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(' ')])],
        ['no bytes', () => Buffer.alloc(0)],
      ])('refuses %s and keeps nothing of them', async (_, alter) => {
        const value = freshValue(100_000);
        expect(await store.putStream(value.digest, streamOf(alter(Buffer.from(value.bytes))))).toBe(false);
        expect(await store.open(store.reference(value.digest))).toMatchObject({ kind: 'absent' });
        await store.put(value.digest, value.bytes);
        expect(await store.putStream(value.digest, streamOf(alter(Buffer.from(value.bytes))))).toBe(false);
        expect(await readText(store.reference(value.digest))).toBe(Buffer.from(value.bytes).toString());
      });

      unless(naive.keepsHalves)('keeps nothing of one that breaks off', async () => {
        const value = freshValue(100_000);
        const broken = ReadableStream.from(
          (async function* () {
            yield value.bytes.slice(0, 50_000);
            throw new Error('the driver is gone');
          })(),
        );
        await expect(store.putStream(value.digest, broken)).rejects.toThrow();
        expect(await store.open(store.reference(value.digest))).toMatchObject({ kind: 'absent' });
      });

      test('hears out one whose value it has already', async () => {
        const { digest, bytes } = await kept(freshValue(100_000));
        let ended = false;
        const counted = streamOf(bytes).pipeThrough(
          new TransformStream({
            flush: () => {
              ended = true;
            },
          }),
        );
        expect(await store.putStream(digest, counted)).toBe(true);
        expect(ended).toBe(true);
      });
    });

    test('signs an upload that is good for this value and for once, or asks for it to come through the app', async () => {
      const value = freshValue(5_000);
      const signed = await store.signUpload(value.digest);
      expect(signed?.method).toBe('PUT');
      if (!signed || signed.url === null) return;
      expect(await upload(signed, value.bytes)).toBe(200);
      expect(await readText(store.reference(value.digest))).toBe(Buffer.from(value.bytes).toString());
      expect([409, 412]).toContain(await upload(signed, value.bytes));
    });

    test('signs a download that a browser saves, if it signs any', async () => {
      const { bytes, reference } = await kept(freshValue(5_000));
      const url = await store.signDownload(reference);
      if (url === null) return;
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(answer.headers.get('content-disposition')).toBe('attachment');
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(bytes));
    });
  });
}
