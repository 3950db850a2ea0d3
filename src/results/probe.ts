import type { Digest } from '../core/result-store.ts';
import { sha256Hex } from '../core/sha256.ts';

/** A value that nobody else has, so that two deployments may check at once. */
export async function makeProbe(): Promise<{ digest: Digest; bytes: Uint8Array }> {
  const bytes = new TextEncoder().encode(JSON.stringify(`mobula check ${crypto.randomUUID()}`));
  return { digest: { sha256: await sha256Hex(bytes), bytes: bytes.byteLength }, bytes };
}
