import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const entry = join(root, 'src/client/client.ts');

/** What a page pays for it, as served. */
const gzipBytesMax = 2_300;

test('the client weighs next to nothing, and brings nobody along', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
  });
  const foreign = Object.keys(metafile.inputs).filter((path) => !path.startsWith('src/client/'));
  expect(foreign).toEqual([]);
  expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).byteLength).toBeLessThan(gzipBytesMax);
});

test('the client compiles where there is a browser and no Node', () => {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--erasableSyntaxOnly'];
  const browser = ['--lib', 'es2022,dom,dom.iterable', '--types', '', '--target', 'es2022', '--module', 'esnext'];
  const how = ['--moduleResolution', 'bundler', '--allowImportingTsExtensions', '--noEmit', '--ignoreConfig'];
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules/.bin/tsc'), ...strict, ...browser, ...how, entry]);
  expect(tsc.stdout.toString()).toBe('');
  expect(tsc.status).toBe(0);
});
