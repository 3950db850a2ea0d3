import { sha256Hex, toBase64 } from '../src/core/sha256.ts';
import { docsPage, type ShownDocument } from '../src/http/docs-page.ts';
import { docsStyle } from '../src/http/docs-style.ts';
import { route } from '../src/http/route.ts';

/** The document for people: one page, which a browser shows and nothing else. */
export const docsRoute = (document: () => object) =>
  route({
    method: 'GET',
    path: '/docs',
    operationId: 'docs',
    scope: 'read',
    summary: 'This API as a page.',
    answers: { 200: { description: 'HTML, without scripts.' } },
    async handle() {
      const style = `'sha256-${toBase64(await sha256Hex(docsStyle))}'`;
      const closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
      return new Response(docsPage(document() as ShownDocument), {
        headers: {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': `default-src 'none'; style-src ${style}; ${closed}`,
        },
      });
    },
  });
