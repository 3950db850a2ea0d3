import type { ResultStore } from '../core/result-store.ts';

/** Keeps no value at all: only the digest and the length stay, so that a value found elsewhere can be recognised. */
export function digestStore(): ResultStore {
  const none = () => Promise.resolve({ kind: 'absent', message: 'The digest store keeps no values.' } as const);
  return {
    name: 'digest',
    keepsValues: false,
    reference: ({ sha256, bytes }) => `oversize://sha256/${sha256}?bytes=${bytes}`,
    put: () => Promise.resolve(),
    putStream: () => Promise.resolve(false),
    read: none,
    open: none,
    has: () => Promise.resolve(false),
    remove: () => Promise.resolve(false),
    signUpload: () => Promise.resolve(null),
    signDownload: () => Promise.resolve(null),
    check: () => Promise.resolve([]),
  };
}
