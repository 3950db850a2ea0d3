import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, expect, test } from 'vitest';
import { chromium, openPage, type Page } from './chromium.ts';
import { useServed } from './served.ts';

const { start } = useServed();
let page: Page | undefined;
afterEach(() => page?.close());

/** The client as a page has it, with what the page does. */
async function bundle(story: string): Promise<string> {
  const resolveDir = join(import.meta.dirname, '../../src/client');
  const { outputFiles } = await build({
    stdin: { contents: story, resolveDir },
    bundle: true,
    format: 'esm',
    write: false,
  });
  return outputFiles[0]!.text.replaceAll('</script', '<\\/script');
}

test.skipIf(!chromium)(
  'a page of another origin follows an execution to its end, by its status token alone',
  async () => {
    page = await openPage(chromium ?? '');
    const { url, client, run } = await start({ env: { MOBULA_CORS_ORIGINS: page.origin } });
    const { id, statusToken } = await client().enqueue('climb', { steps: 2, everyMs: 500 });
    const script = await bundle(`
    import { createClient } from './client.ts';
    const mobula = createClient({ baseUrl: ${JSON.stringify(url)} });
    const handle = ${JSON.stringify({ id, statusToken })};
    const seen = [];
    const follow = async () => {
      const waiting = mobula.wait(handle, { onChange: ({ version }) => seen.push(version) });
      await fetch('/begun');
      const { state, result } = await waiting;
      const looks = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/status/')).length;
      const refused = await mobula.enqueue('add', { a: 1, b: 2 }).catch(({ code }) => code);
      return { state, result, changes: seen.length, looks, refused, fetched: await mobula.result(handle) };
    };
    const outcome = await follow().catch(String);
    await fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) });
  `);
    const opened = page.open(script);
    await page.begun;
    await run();
    const outcome = (await opened) as { changes: number; looks: number };
    expect(outcome).toMatchObject({ state: 'SUCCEEDED', result: 2, refused: 'unauthenticated', fetched: 2 });
    expect(outcome.changes).toBeGreaterThan(1);
    expect(outcome.looks).toBeLessThanOrEqual(outcome.changes + 1);
  },
);
