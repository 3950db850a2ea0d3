import { connect } from 'node:net';

/** A kept connection to one HTTP server: one request at a time, and nothing around it that would slow the server's machine. */
export interface Connection {
  /** Sends a whole request as it goes over the wire; `done` hears the status when the whole answer has come. */
  send(request: string, done: (status: number) => void): void;
  close(): void;
}

const headEnd = '\r\n\r\n';

/**
 * Opens a connection to a port of this machine. It reads what our own servers answer: a length or chunks, and no body with a
 * 304; whatever else happens ends the process, because a measurement with failures is none.
 */
export function openConnection(port: number): Connection {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let said = '';
  let heard: ((status: number) => void) | null = null;
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => {
    said += piece;
    if (!isWhole(said)) return;
    const [status, done] = [Number(said.slice(9, 12)), heard];
    said = '';
    heard = null;
    done?.(status);
  });
  socket.on('error', fail);
  socket.on('close', () => {
    if (heard) fail(new Error('The server closed the connection before its answer.'));
  });
  return {
    send(request, done) {
      heard = done;
      socket.write(request, 'latin1');
    },
    close: () => socket.destroy(),
  };
}

function isWhole(said: string): boolean {
  const end = said.indexOf(headEnd);
  if (end < 0) return false;
  const head = said.slice(0, end).toLowerCase();
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  if (length !== undefined) return said.length >= end + headEnd.length + Number(length);
  return head.includes('transfer-encoding: chunked') ? said.endsWith(`0${headEnd}`) : true;
}

function fail(error: Error): never {
  throw error;
}
