const entityTags = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Whether an `If-None-Match` header names this entity tag, or any (`*`).
 *
 * The comparison is the weak one (RFC 9110 §13.1.2), so that a proxy which compresses, and weakens the tag for it,
 * does not cost a poller its 304.
 */
export function matchesEtag(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return Array.from(ifNoneMatch.matchAll(entityTags), ([, opaque]) => opaque).includes(etag.replace(/^W\//, ''));
}
