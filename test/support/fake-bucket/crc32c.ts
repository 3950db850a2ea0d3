/** Castagnoli's polynomial, reflected. */
const polynomial = 0x82f63b78;

/** What a byte does to the sum of what comes after it: eight tables, for a byte that is the last to one seven before it. */
const table = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ polynomial : sum >>> 1;
  table[byte] = sum;
}
for (let at = 256; at < table.length; at += 1) table[at] = step(table[at - 256]!, 0);

function step(sum: number, byte: number): number {
  return (sum >>> 8) ^ table[(sum ^ byte) & 255]!;
}

/** A CRC32C as GCS spells it, in Base64. Eight bytes at a time, or it would take longer than what a bench measures. */
export function crc32c(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wholes = bytes.byteLength - (bytes.byteLength % 8);
  let sum = -1;
  for (let at = 0; at < wholes; at += 8) {
    const first = sum ^ view.getInt32(at, true);
    const second = view.getInt32(at + 4, true);
    sum =
      table[1_792 + (first & 255)]! ^
      table[1_536 + ((first >>> 8) & 255)]! ^
      table[1_280 + ((first >>> 16) & 255)]! ^
      table[1_024 + (first >>> 24)]! ^
      table[768 + (second & 255)]! ^
      table[512 + ((second >>> 8) & 255)]! ^
      table[256 + ((second >>> 16) & 255)]! ^
      table[second >>> 24]!;
  }
  for (let at = wholes; at < bytes.byteLength; at += 1) sum = step(sum, bytes[at]!);
  const base64 = Buffer.alloc(4);
  base64.writeInt32BE(~sum);
  return base64.toString('base64');
}
