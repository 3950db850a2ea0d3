import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** What is sent back. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** The ways in which a call can go wrong. Those from `takenThenDrop` on let the store do what was asked. */
export type Trouble =
  | '403'
  | '503'
  | 'hang'
  | 'drop'
  | 'redirect'
  /** Says 200, with nothing to show for it, and keeps nothing. */
  | 'lost'
  | 'takenThenDrop'
  /** Promises the whole length and ends in the middle. */
  | 'truncated'
  /** Says half the length, and keeps to it. */
  | 'short'
  | 'wrongByte'
  /** Says the length, and sends a byte now and then. */
  | 'drip'
  /** Sends more than it should, without a length and without an end. */
  | 'endless'
  | 'html';

interface Scene {
  readonly response: ServerResponse;
  /** Hears of every piece that the connection has taken. */
  readonly onSent: (bytes: number) => void;
  readonly answer: () => Promise<Answer> | Answer;
  readonly refuse: (status: number, word: string) => Answer;
}

export async function answerIn(trouble: Trouble | null, scene: Scene): Promise<void> {
  if (trouble === null) await sendInPieces(scene, await scene.answer());
  else await causes[trouble](scene);
}

const pieceBytes = 65_536;

/** No faster than it is taken. */
async function sendInPieces({ response, onSent }: Scene, { status, headers = {}, body = '' }: Answer): Promise<void> {
  const whole = Buffer.from(body);
  response.writeHead(status, { 'content-length': whole.byteLength, ...headers });
  const pieces = async function* () {
    for (let at = 0; at < whole.byteLength; at += pieceBytes) {
      yield whole.subarray(at, at + pieceBytes);
      onSent(pieceBytes);
    }
  };
  await pipeline(pieces, response).catch(() => undefined);
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

const half = (answer: Answer): Buffer => {
  const whole = Buffer.from(answer.body ?? '');
  return whole.subarray(0, Math.floor(whole.byteLength / 2));
};

const flip = (bytes: Buffer): Buffer => {
  const wrong = Buffer.from(bytes);
  const middle = Math.floor(wrong.byteLength / 2);
  wrong[middle] = (wrong[middle] ?? 0) ^ 1;
  return wrong;
};

const causes: Record<Trouble, (scene: Scene) => Promise<void> | void> = {
  '403': ({ response, refuse }) => send(response, refuse(403, 'AccessDenied')),
  '503': ({ response, refuse }) => send(response, refuse(503, 'SlowDown')),
  hang: () => undefined,
  drop: ({ response }) => void response.destroy(),
  redirect: ({ response }) => send(response, { status: 307, headers: { location: 'http://127.0.0.1:9/elsewhere' } }),
  lost: ({ response }) => send(response, { status: 200 }),
  async takenThenDrop({ response, answer }) {
    await answer();
    response.destroy();
  },
  async truncated({ response, answer }) {
    const said = await answer();
    response.writeHead(said.status, { ...said.headers, 'content-length': Buffer.byteLength(said.body ?? '') });
    response.write(half(said), () => response.destroy());
  },
  async short({ response, answer }) {
    const said = await answer();
    send(response, { ...said, body: half(said) });
  },
  async wrongByte({ response, answer }) {
    const said = await answer();
    send(response, { ...said, body: flip(Buffer.from(said.body ?? '')) });
  },
  async drip({ response, answer }) {
    const said = await answer();
    const whole = Buffer.from(said.body ?? '');
    response.writeHead(said.status, { ...said.headers, 'content-length': whole.byteLength });
    response.write(whole.subarray(0, 1));
  },
  async endless({ response, answer }) {
    const said = await answer();
    response.writeHead(said.status, { ...said.headers });
    const fill = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
    };
    response.on('drain', fill);
    fill();
  },
  html: ({ response }) =>
    send(response, { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad</h1>' }),
};
