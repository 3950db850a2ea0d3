import { toHex } from './hex.ts';

/** The shape of every id that Mobula gives out; anything else is unknown without a look into the database. */
export const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const isExecutionId = (text: string): boolean => idPattern.test(text);

let lastMs = 0;
let sequence = 0;

/**
 * A UUIDv7 (RFC 9562), growing within one isolate: 48 bits of milliseconds, 12 bits counted up within one (method 1),
 * 62 random bits. It gives the insert locality of a sequence without asking the database. It is naive about clocks:
 * ids of two machines order only as well as their clocks agree, so nothing of ours relies on it.
 */
export function uuidv7(nowMs: number, random: (bytes: Uint8Array) => void): string {
  sequence = nowMs > lastMs ? 0 : sequence + 1;
  lastMs = Math.max(nowMs, lastMs);
  if (sequence > 0xfff) {
    lastMs += 1;
    sequence = 0;
  }
  const bytes = new Uint8Array(16);
  random(bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(lastMs / 0x10000));
  view.setUint16(4, lastMs % 0x10000);
  view.setUint16(6, 0x7000 | sequence);
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  return toUuid(bytes);
}

function toUuid(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * The Ray submission id of an attempt. It depends on execution and attempt alone, so whoever finishes a crashed
 * submission computes the same one and Ray's create-only key lets a single job through.
 */
export const rayJobId = (executionId: string, attempt: number): string =>
  `mobula-${executionId.replaceAll('-', '')}-a${attempt}`;

/** The id of a Ray job that several attempts share, from an id that nothing else has. */
export const sharedJobId = (id: string): string => `mobula-shared-${id.replaceAll('-', '')}`;

/** An attempt as far as its job is told by it; `sharedJob` is null where it has one of its own. */
export interface OfJob {
  readonly id: string;
  readonly attempt: number;
  readonly sharedJob: string | null;
}

/** The Ray submission id of the job in which an attempt runs. */
export const jobOf = ({ id, attempt, sharedJob }: OfJob): string => sharedJob ?? rayJobId(id, attempt);
