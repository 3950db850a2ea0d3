import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** A hundred ports in a row, ours for as long as we live or until it is released. */
export interface PortBlock {
  readonly first: number;
  readonly last: number;
  release(): void;
}

const blockSize = 100;
/** Below the ports that the kernel gives away by itself, and beyond those that a Ray without options takes. */
const lowest = 20_000;
const blocks = 120;

/**
 * Reserves free ports for a cluster that needs many and cannot find them by itself. Whoever listens on the block's first
 * port owns it: the kernel lets only one do so and forgets it when that one dies, so clusters of several clones and
 * users keep out of each other's way without a file.
 */
export async function reservePortBlock(): Promise<PortBlock> {
  const start = Math.floor(Math.random() * blocks);
  for (let index = 0; index < blocks; index += 1) {
    const first = lowest + ((start + index) % blocks) * blockSize;
    const guard = await listen(first, '127.0.0.1');
    if (guard === null) continue;
    guard.unref();
    const ports = Array.from({ length: blockSize - 1 }, (_, offset) => first + 1 + offset);
    if (await areFree(ports)) return { first: first + 1, last: first + blockSize - 1, release: () => guard.close() };
    guard.close();
  }
  throw new Error(`No hundred free ports in a row between ${lowest} and ${lowest + blocks * blockSize}.`);
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) {
    const server = await listen(port, '0.0.0.0');
    if (server === null) return false;
    server.close();
    await once(server, 'close');
  }
  return true;
}

/** Null where somebody listens already. */
async function listen(port: number, host: string): Promise<Server | null> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}
