import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { docsPage, type ShownDocument } from '../../src/http/docs-page.ts';
import { expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const open = async () => fresh.make().call('GET', '/docs', undefined, { token: 'read' });

describe('the page of the API', () => {
  test('is HTML for who may read', async () => {
    const { status, headers, text } = await open();
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toMatch(/^<!doctype html>/);
    expectProblem(await fresh.make().call('GET', '/docs', undefined, { token: null }), 401, 'unauthenticated');
  });

  test('shows every operation of the document, and its links lead somewhere on it', async () => {
    const { text } = await open();
    const { body } = await fresh.make().call('GET', '/openapi.json', undefined, { token: 'read' });
    const operations = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap(Object.values);
    const ids = new Set(Array.from(text.matchAll(/ id="([^"]+)"/g), ([, id]) => id));
    for (const { operationId } of operations) expect(ids).toContain(operationId);
    const links = Array.from(text.matchAll(/href="#([^"]+)"/g), ([, target]) => target);
    expect(links.length).toBeGreaterThan(operations.length);
    expect(links.filter((target) => !ids.has(target))).toEqual([]);
  });

  test('needs nothing of anybody, and may do nothing but have its own style', async () => {
    const { text, headers } = await open();
    expect(text).not.toMatch(/<script|<img|<link|<iframe|@import|url\(|\bon\w+=|style="/i);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
    const digest = createHash('sha256').update(style).digest('base64');
    expect(headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  });

  test('shows a text as a text, whatever is in it', () => {
    const operation = {
      operationId: 'x"><script>',
      summary: 'Of `<b>` & "others".',
      security: [],
      responses: { 200: { description: "<img src=x onerror='1'>" } },
    };
    const document: ShownDocument = {
      info: { title: '<i>', version: '1', description: '' },
      paths: { '/<p>': { get: operation } },
      components: { schemas: {}, responses: {}, securitySchemes: {} },
    };
    const page = docsPage(document);
    expect(page).not.toMatch(/<script|<b>|<img|<p>\/|<i>/);
    expect(page).toContain('Of <code>&#60;b&#62;</code> &#38; &#34;others&#34;.');
  });
});
