import type { ServerResponse } from 'node:http';
import { alreadyExists, type Reply } from './rest.ts';

/** The ways in which a call can go wrong; those that begin with `take` let Ray do what was asked. */
export type Trouble =
  | 'drop'
  | 'takeThenDrop'
  | 'takeThen500'
  | 'takeThenHang'
  | 'hang'
  | '400'
  | '401'
  | '403'
  | '405'
  | '404'
  | '500'
  | '503'
  | 'noAgent'
  | 'garbage'
  | 'html'
  | 'wrongTypes'
  | 'oddStatus'
  | 'redirect'
  | 'endless'
  | 'drip'
  | 'oddHttp'
  | 'quoteRequest'
  | 'kvGhost'
  | 'saysExists'
  | 'otherJob';

interface Scene {
  readonly response: ServerResponse;
  /** Does what was asked and says what Ray would have answered. */
  readonly answer: () => Reply;
  readonly requestBody: string;
  /** Records the job without a supervisor, and names it. */
  readonly makeGhost: () => string;
  readonly elsewhere: string;
}

export function send(response: ServerResponse, { status, text, type = 'text/plain' }: Reply): void {
  response.writeHead(status, { 'content-type': type });
  response.end(text);
}

const reply =
  (status: number, text: string, type = 'text/plain; charset=utf-8') =>
  ({ response }: Scene): void =>
    send(response, { status, text, type });

const change =
  (edit: (value: Record<string, unknown>) => unknown) =>
  ({ response, answer }: Scene): void => {
    const real = answer();
    send(response, { ...real, text: JSON.stringify(edit(JSON.parse(real.text))) });
  };

export const cause: Record<Trouble, (scene: Scene) => void> = {
  drop: ({ response }) => response.destroy(),
  takeThenDrop: ({ response, answer }) => {
    answer();
    response.destroy();
  },
  takeThen500: ({ response, answer }) => {
    answer();
    send(response, { status: 500, text: 'Internal Server Error' });
  },
  takeThenHang: ({ answer }) => void answer(),
  hang: () => undefined,
  '400': reply(400, '<html><body>400 Bad Request (a proxy)</body></html>', 'text/html'),
  '401': reply(401, 'Unauthorized: Missing authentication token'),
  '403': reply(403, 'Forbidden: Invalid authentication token'),
  '405': reply(405, "'POST' method not allowed for browser traffic."),
  '404': reply(404, '404: Not Found'),
  '500': reply(500, '500 Internal Server Error\n\nServer got itself in trouble'),
  '503': reply(503, 'upstream connect error'),
  noAgent: reply(500, 'No available agent to submit job, please try again later.'),
  garbage: reply(200, '{"submission_id": "mob', 'application/json'),
  html: reply(200, '<!doctype html><title>Sign in</title>', 'text/html'),
  wrongTypes: change(() => ({ submission_id: 7, status: ['RUNNING'], session_name: null, ray_version: 2 })),
  oddStatus: change((job) => ({ ...job, status: 'succeeded ' })),
  redirect: ({ response, elsewhere }) => void response.writeHead(302, { location: elsewhere }).end(),
  endless: ({ response }) => {
    const block = Buffer.alloc(65_536, 0x20);
    const fill = () => {
      while (!response.destroyed && response.write(block));
    };
    response.writeHead(200, { 'content-type': 'application/json' }).on('drain', fill);
    fill();
  },
  drip: ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  },
  oddHttp: ({ response }) => void response.socket?.end('HTTP/1.1 700 Odd\r\ncontent-length: 0\r\n\r\n'),
  quoteRequest: ({ response, requestBody }) => {
    const text = `Traceback (most recent call last):\nValueError: could not read ${requestBody}\n`;
    send(response, { status: 500, text });
  },
  saysExists: ({ response }) => send(response, alreadyExists('it')),
  otherJob: change((job) => ({ ...job, submission_id: 'another', status: 'FAILED' })),
  kvGhost: ({ response, makeGhost }) => send(response, alreadyExists(makeGhost())),
};
