import { wordOf } from './ray-answer.ts';
import type { RayHttp } from './ray-http.ts';

/** A zip with our driver, named by its content as Ray names packages: `_ray_pkg_<16 hex>.zip`. */
export interface DriverPackage {
  readonly name: string;
  readonly base64: string;
}

export const packageUri = ({ name }: DriverPackage): string => `gcs://${name}`;

/**
 * Has the package in the cluster's store, and answers null, or why it is not there. Asking for it pins it for ten
 * minutes; without a pin it may be collected as soon as the last job using it ends.
 */
export async function providePackage(
  http: RayHttp,
  { name, base64 }: DriverPackage,
  { readMs, uploadMs }: { readMs: number; uploadMs: number },
): Promise<string | null> {
  const path = `/api/packages/gcs/${name}`;
  const asked = await http.get(path, { timeoutMs: readMs });
  if (asked.kind === 'answered' && asked.status === 200) return null;
  if (asked.kind !== 'answered' || asked.status !== 404) return wordOf(asked, http.redact);

  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const sent = await http.put(path, bytes, { timeoutMs: uploadMs });
  return sent.kind === 'answered' && sent.status === 200 ? null : wordOf(sent, http.redact);
}
