import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

/** What each room of src/ may import besides itself. The list is the architecture; `import type` counts. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  core: [],
  client: [],
  db: ['core'],
  runners: ['core'],
  results: ['core'],
  engine: ['core', 'db'],
  http: ['core', 'engine'],
  node: ['core', 'config.ts', 'deployment.ts', 'log.ts'],
};

/** The files above the rooms, and what each may import. No room may import one of them, but for what is said above. */
const topFiles: Readonly<Record<string, readonly string[]>> = {
  'settings.ts': ['core'],
  'log.ts': ['core'],
  'hook-settings.ts': ['core'],
  'secret-rules.ts': ['settings.ts'],
  'config.ts': ['core', 'hook-settings.ts', 'secret-rules.ts', 'settings.ts'],
  'deployment.ts': ['core', 'settings.ts'],
  'define-task.ts': ['core', 'deployment.ts'],
  'new-id.ts': ['core'],
  'compose.ts': [
    'core',
    'db',
    'runners',
    'results',
    'engine',
    'http',
    'config.ts',
    'deployment.ts',
    'hook-settings.ts',
    'log.ts',
    'new-id.ts',
    'settings.ts',
  ],
  'current.ts': ['db', 'engine', 'compose.ts', 'config.ts', 'deployment.ts', 'hook-settings.ts'],
  'library.ts': ['core', 'db', 'engine', 'current.ts', 'new-id.ts'],
  'index.ts': ['core', 'db', 'http', 'current.ts', 'define-task.ts', 'deployment.ts', 'library.ts'],
};

/**
 * The packages that a room, or one file of it, may use; none where it is not named. Types of zod alone are free: tasks are
 * made of schemas. The clouds' own clients do not run on every platform, so each is behind a file of its own.
 */
const packages: Readonly<Record<string, readonly string[]>> = {
  'core/schedule.ts': ['croner'],
  db: ['drizzle-orm', 'pg', '@neondatabase/serverless'],
  runners: ['zod'],
  results: ['zod', 'jose', 'aws4fetch'],
  'results/s3-sdk.ts': ['@aws-sdk/client-s3'],
  'results/gcs-sdk.ts': ['@google-cloud/storage'],
  http: ['zod', 'hono', 'jose'],
  'settings.ts': ['zod'],
};

/**
 * The files that use Node's own modules. The rest must run on every platform as it is; of these, those that use no more
 * than `node:crypto` do so too.
 */
const nodeOnly = [
  'db/migrate.ts',
  'http/same-secret.ts',
  'http/tokens.ts',
  'node/load-deployment.ts',
  'results/filesystem.ts',
  'results/gcs-fetch.ts',
  'results/gcs-sdk.ts',
  'results/node-pieces.ts',
  'results/s3-sdk.ts',
  'results/verified.ts',
  'runners/ray-transport.ts',
];

const root = join(import.meta.dirname, '..');
const src = join(root, 'src');

interface Import {
  readonly target: string;
  readonly isType: boolean;
}

const listTypeScript = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

const importsOf = (path: string): Import[] => importsIn(readFileSync(path, 'utf8')).flatMap(byPlatform(path));

/** An import that begins with `#` stands for the files that package.json names, one for each platform. */
const byPlatform =
  (path: string) =>
  (found: Import): readonly Import[] =>
    found.target === '#stores'
      ? Object.values(packageJson.imports[found.target]).map((file) => ({
          ...found,
          target: `./${relative(dirname(path), join(root, file))}`,
        }))
      : [found];

function importsIn(text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm);
  const dynamic = text.matchAll(/\bimport\(\s*'([^']+)'/g);
  return [
    ...[...statements].map(([, type, target, bare]) => ({ target: target ?? bare ?? '', isType: type !== undefined })),
    ...[...dynamic].map(([, target]) => ({ target: target ?? '', isType: false })),
  ];
}

const roomOf = (file: string): string => file.split('/')[0] ?? '';

/** The room or top file of src/ that a relative import leads to; `..` leads out of src/. */
const leadsTo = (file: string, target: string): string => roomOf(normalize(join(dirname(file), target)));

const files = listTypeScript(src);

/** Every import of src/ as `file -> target`, where it breaks a rule. */
const breaches = (of: readonly string[], breaks: (found: Import, file: string) => boolean): string[] =>
  of.flatMap((file) =>
    importsOf(join(src, file))
      .filter((found) => breaks(found, file))
      .map(({ target }) => `${file} -> ${target}`),
  );

test('every room and every top file of src/ has its place in the architecture', () => {
  expect(new Set(files.map(roomOf))).toEqual(new Set([...Object.keys(rooms), ...Object.keys(topFiles)]));
});

test('an import is seen, whatever form it has', () => {
  const text = `
import type * as z from 'zod';
import { one } from './one.ts';
import {
  type Two,
  two,
} from '../two.ts';
import './three.ts';
import four from './four.json' with { type: 'json' };
export { five } from './five.ts';
export * from './six.ts';
const seven = await import('./seven.ts');
`;
  expect(importsIn(text)).toEqual([
    { target: 'zod', isType: true },
    { target: './one.ts', isType: false },
    { target: '../two.ts', isType: false },
    { target: './three.ts', isType: false },
    { target: './four.json', isType: false },
    { target: './five.ts', isType: false },
    { target: './six.ts', isType: false },
    { target: './seven.ts', isType: false },
  ]);
});

test.each(Object.entries({ ...rooms, ...topFiles }))('src/%s imports only what its floor allows', (room, others) => {
  const leavesFloor = ({ target }: Import, file: string) =>
    target.startsWith('.') && !target.endsWith('.json') && ![room, ...others].includes(leadsTo(file, target));
  const inside = files.filter((file) => roomOf(file) === room);
  expect(inside.length).toBeGreaterThan(0);
  expect(breaches(inside, leavesFloor)).toEqual([]);
});

test('no file of src/ uses a package that its room does not need', () => {
  const isForeign = ({ target, isType }: Import, file: string) =>
    !/^(\.|node:)/.test(target) &&
    !(isType && target === 'zod') &&
    !(packages[file] ?? packages[roomOf(file)])?.some((name) => target === name || target.startsWith(`${name}/`));
  expect(breaches(files, isForeign)).toEqual([]);
});

test('Node’s own modules are used by few files of src/, and never by the core', () => {
  const isOfNode = ({ target }: Import) => target.startsWith('node:');
  const users = new Set(breaches(files, isOfNode).map((breach) => breach.split(' ')[0]));
  expect([...users].toSorted()).toEqual(nodeOnly);
});

test('files are imported with their extension', () => {
  expect(breaches(files, ({ target }) => target.startsWith('.') && !/\.(ts|json)$/.test(target))).toEqual([]);
});

test('the core knows neither clock nor dice nor environment', () => {
  const impure = files
    .filter((file) => roomOf(file) === 'core')
    .filter((file) =>
      /Date\.now|new Date\(\)|Math\.random|performance\.|process\.|fetch\(|setTimeout|console\./.test(
        readFileSync(join(src, file), 'utf8'),
      ),
    );
  expect(impure).toEqual([]);
});

test('the environment is read in one place of the library, and one of the doors', () => {
  const readers = [
    ...files.map((file) => join('src', file)),
    ...listTypeScript(join(root, 'functions')).map((file) => join('functions', file)),
  ].filter((file) => readFileSync(join(root, file), 'utf8').includes('process.env'));
  expect(readers).toEqual(['src/current.ts', 'functions/doors/instance.ts']);
});

test('functions/ imports src/ and itself, and src/ knows nothing above it', () => {
  const functions = listTypeScript(join(root, 'functions')).map((file) => join('functions', file));
  const outward = functions.flatMap((file) =>
    importsOf(join(root, file))
      .filter(({ target }) => target.startsWith('.') && !target.endsWith('package.json'))
      .map(({ target }) => relative(root, normalize(join(root, dirname(file), target))).split('/')[0])
      .filter((folder) => folder !== 'src' && folder !== 'functions'),
  );
  expect(outward).toEqual([]);
});

test('no file bears a name that could be anything', () => {
  const vague = /(^|\/|-)(utils?|helpers?|common|manager|service|handler)(-[^/]*)?\.ts$/;
  const named = ['src', 'functions', 'commands', 'infra', 'examples', 'test'].flatMap((folder) =>
    listTypeScript(join(root, folder)).map((file) => join(folder, file)),
  );
  expect(named.filter((file) => vague.test(file))).toEqual([]);
});

test('zod is imported as a namespace, which keeps its locales out of a bundle', () => {
  const named = ['src', 'functions', 'examples'].flatMap((folder) =>
    listTypeScript(join(root, folder)).map((file) => join(root, folder, file)),
  );
  const bad = named.filter((file) => /import\s+(type\s+)?\{[^}]*\}\s+from 'zod'/.test(readFileSync(file, 'utf8')));
  expect(bad).toEqual([]);
});
