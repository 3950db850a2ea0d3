/**
 * Whether any of these signatures is the content's HMAC-SHA-256 under any of these keys: several keys while one is being
 * replaced, several signatures where the sender is doing so. WebCrypto compares in constant time.
 */
export async function isSignedByAny(
  keys: readonly Uint8Array[],
  content: Uint8Array,
  signatures: readonly Uint8Array[],
): Promise<boolean> {
  const fits = await Promise.all(
    keys.map(async (key) => {
      const imported = await crypto.subtle.importKey('raw', owned(key), algorithm, false, ['verify']);
      return Promise.all(
        signatures.map((signature) => crypto.subtle.verify('HMAC', imported, owned(signature), owned(content))),
      );
    }),
  );
  return fits.flat().includes(true);
}

const algorithm = { name: 'HMAC', hash: 'SHA-256' };

/** WebCrypto's types want bytes that nobody shares. */
const owned = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>;

/** The bytes of a Base64 text; null where it is none. */
export function fromBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
