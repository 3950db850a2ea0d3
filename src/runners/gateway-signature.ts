import { toHex } from '../core/hex.ts';

const utf8 = new TextEncoder();

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/**
 * The key that app and gateway share, in hex: made of a secret of the app's, which it does not betray. The gateway gets the
 * keys of all secrets when it is deployed, so that a secret can be changed while it runs.
 */
export async function gatewayKey(secret: string): Promise<string> {
  return hmac(await importKey(utf8.encode(secret)), 'mobula gateway v1');
}

/** Signs calls to a gateway with one key: what is signed are the second, the path and the body. */
export function gatewaySigner(secret: string, now: () => number) {
  let key: Promise<Key> | undefined;
  return async (path: string, body: string): Promise<Record<string, string>> => {
    key ??= gatewayKey(secret).then((hex) => importKey(utf8.encode(hex)));
    const second = Math.floor(now() / 1_000);
    return { 'x-mobula-signature': `v1,${second},${await hmac(await key, `${second}.${path}.${body}`)}` };
  };
}

const importKey = (bytes: Uint8Array<ArrayBuffer>): Promise<Key> =>
  crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);

const hmac = async (key: Key, text: string): Promise<string> =>
  toHex(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8.encode(text))));
