import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { settingsSchema } from '../src/settings.ts';

const root = join(import.meta.dirname, '..');
const pages = readdirSync(join(root, 'docs/deploy')).map((page) => `docs/deploy/${page}`);
const documents = [
  'README.md',
  'docs/lifecycle.md',
  'docs/operations.md',
  'docs/security.md',
  'docs/performance.md',
  'docs/reliability.md',
  ...pages,
].map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}));
const readme = documents[0]?.text ?? '';

const rows = new Map(
  Array.from(readme.matchAll(/^\| `([A-Z0-9_]+)` +\| (.+?) +\| .+ \|$/gm), ([, name = '', value = '']) => [
    name,
    value,
  ]),
);

const defaults = settingsSchema.parse({});

test('the README lists every setting there is, and no other', () => {
  expect([...rows.keys()].toSorted()).toEqual(Object.keys(settingsSchema.shape).toSorted());
});

test.each(Object.keys(settingsSchema.shape))('the README says the default of %s', (name) => {
  const value = defaults[name as keyof typeof defaults];
  const said = rows.get(name) ?? '';
  if (value === undefined) expect(said).toMatch(/^–$|^by /);
  else expect(said).toBe(written(value));
});

test.each(documents)('$path names only settings and commands that there are', ({ text }) => {
  const settings = Array.from(text.matchAll(/\bMOBULA_[A-Z0-9_]*[A-Z0-9]/g), ([name]) => name);
  const known = (name: string) => name in settingsSchema.shape || /^MOBULA_HOOK(_|$)/.test(name);
  expect(settings.filter((name) => !known(name))).toEqual([]);
  const commands = Array.from(
    text.matchAll(/\bnpm (?:run )?(demo|test|check|migrate|serve|[a-z]+:[a-z]+|dev|bench)\b/g),
    ([, name]) => name ?? '',
  );
  expect(
    commands.filter((name) => !(name in packageJson.scripts) || !existsSync(join(root, `commands/${name}.ts`))),
  ).toEqual([]);
});

test.each(documents)('the links of $path lead somewhere', ({ path, text }) => {
  const targets = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)\)/g), ([, target]) => target ?? '');
  expect(targets.filter((target) => !existsSync(join(root, path, '..', target)))).toEqual([]);
});

const operations = documents.find(({ path }) => path === 'docs/operations.md')?.text ?? '';
const told = new Set(Array.from(operations.matchAll(/^\| `([a-z_]+)`/gm), ([, name]) => name));

test('the page on operations tells what every line of the log means, and every metric', () => {
  const folders = ['src', 'functions', 'commands'].map((folder) => join(root, folder));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('demo'))
      .map((file) => readFileSync(join(folder, file), 'utf8')),
  );
  const events = sources.flatMap((source) =>
    Array.from(
      source.matchAll(/\blog\([^,()]+(?:\([^)]*\))?, '([a-z_]+)'|\bevent: '([a-z_]+)' \}/g),
      ([, one, other]) => one ?? other,
    ),
  );
  const metrics = sources.flatMap((source) =>
    Array.from(source.matchAll(/name: '(mobula_[a-z_]+)'/g), ([, name]) => name),
  );
  expect([...told].toSorted()).toEqual([...new Set([...events, ...metrics])].toSorted());
});

/** A default as the environment would spell it. */
function written(value: unknown): string {
  if (Array.isArray(value)) return value.length > 0 ? `\`${value.join(',')}\`` : '–';
  return `\`${typeof value === 'object' ? JSON.stringify(value) : String(value)}\``;
}

test('docs/security.md has a word on each of the fifty checks, and a link for each that it calls proven', () => {
  const text = documents.find(({ path }) => path === 'docs/security.md')?.text ?? '';
  const checks = Array.from(text.matchAll(/^\| (\d+) +\| .+? \| (.+?) +\|$/gm), ([, number, proof = '']) => ({
    number,
    proof,
  }));
  expect(checks.map(({ number }) => Number(number))).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  const unproven = /^(not done|by hand|not applicable|the lock|values are|every version)/;
  expect(checks.filter(({ proof }) => !proof.includes('](../test/') && !unproven.test(proof))).toEqual([]);
});
