import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Neon's relay from WebSockets to Postgres, in front of one of our own. */
export interface NeonRelay {
  /** For `MOBULA_NEON_WS_PROXY`. */
  readonly url: string;
  /** How many connections were made so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Carries what comes in binary frames to the Postgres at `?address=host:port`, and its answers back. */
export async function startNeonRelay(): Promise<NeonRelay> {
  const open = new Set<Duplex>();
  let connections = 0;
  const server = createServer((_request, response) => void response.writeHead(426).end()).listen(0, '127.0.0.1');
  server.on('upgrade', (request, client) => {
    connections += 1;
    open.add(client);
    client.on('close', () => open.delete(client));
    relay(request, client);
  });
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v2`,
    get connections() {
      return connections;
    },
    async close() {
      for (const client of open) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function relay(request: IncomingMessage, client: Duplex): void {
  const [host = '', port] = (new URL(request.url ?? '', 'ws://relay').searchParams.get('address') ?? '').split(':');
  const postgres = connect(Number(port), host);
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  client.write([...lines, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  unframe(client, postgres);
  postgres.on('data', (bytes) => client.write(frame(bytes)));
  for (const [one, other] of [
    [client, postgres],
    [postgres, client],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
}

/** One unmasked, whole, binary frame, as a server sends them. */
function frame(bytes: Buffer): Buffer {
  const { length } = bytes;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x82;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, bytes]);
}

/** Writes what a client's masked frames hold; frames of control but the closing one hold nothing for Postgres. */
function unframe(client: Duplex, postgres: Socket): void {
  let waiting = Buffer.alloc(0);
  client.on('data', (bytes: Buffer) => {
    waiting = Buffer.concat([waiting, bytes]);
    for (let next = readFrame(waiting); next !== null; next = readFrame(waiting)) {
      waiting = waiting.subarray(next.end);
      if (next.opcode === 8) return void client.end();
      if (next.opcode <= 2) postgres.write(next.content);
    }
  });
}

function readFrame(bytes: Buffer): { opcode: number; content: Buffer; end: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start + 4) return null;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = start + 4 + length;
  if (bytes.length < end) return null;
  const mask = bytes.subarray(start, start + 4);
  const content = Buffer.from(bytes.subarray(start + 4, end).map((byte, index) => byte ^ mask[index % 4]!));
  return { opcode: bytes[0]! & 0x0f, content, end };
}
