import { uuidv7 } from './core/ids.ts';

/** Random bytes for the ids of one millisecond, for asking costs more than they do; no longer, as a frozen process may be cloned. */
const dice = new Uint8Array(4_096);
let spent = dice.byteLength;
let thrownMs = 0;

function throwDice(bytes: Uint8Array, nowMs: number): void {
  if (nowMs !== thrownMs || spent + bytes.byteLength > dice.byteLength) {
    crypto.getRandomValues(dice);
    spent = 0;
    thrownMs = nowMs;
  }
  bytes.set(dice.subarray(spent, spent + bytes.byteLength));
  spent += bytes.byteLength;
}

/** An id that nothing else has, a UUIDv7 by this machine's clock. */
export function newId(): string {
  const nowMs = Date.now();
  return uuidv7(nowMs, (bytes) => throwDice(bytes, nowMs));
}
