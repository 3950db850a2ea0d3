const always: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cache-control', 'no-store'],
];

const year = 'max-age=31536000';

/** Adds what every answer carries, save where the handler has said it already: `/docs` has a style of its own. */
export function secure(response: Response, { isHttps }: { isHttps: boolean }): Response {
  for (const [name, value] of [...always, ...(isHttps ? [['strict-transport-security', year] as const] : [])]) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  return response;
}
