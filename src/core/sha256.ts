import { toHex } from './hex.ts';

/** Lower-case hex SHA-256 of a text's UTF-8, or of bytes. WebCrypto, so it is the same on every platform. */
export async function sha256Hex(content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return toHex(new Uint8Array(digest));
}

/** The same digest in Base64, as HTTP headers and S3 spell it. */
export const toBase64 = (hex: string): string =>
  btoa(String.fromCharCode(...Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))));
