import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import openapi from '../../openapi.json' with { type: 'json' };
import { settingsSchema } from '../../src/settings.ts';

// What needs no cloud, and no provider's schema, to be told. `npm run check` has Terraform itself read the files, where it is.

const folder = join(import.meta.dirname, '../../infra/terraform');

const textOf = (cloud: string, ending: string): string =>
  readdirSync(join(folder, cloud))
    .filter((file) => file.endsWith(ending))
    .map((file) => readFileSync(join(folder, cloud, file), 'utf8'))
    .join('\n');

const allOf = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, found]) => found ?? '');

describe.each(readdirSync(folder))('%s', (cloud) => {
  const code = textOf(cloud, '.tf');

  test('sets, and tells of, only settings that there are', () => {
    const named = allOf(code + textOf(cloud, '.md'), /\b(MOBULA_[A-Z0-9_]*[A-Z0-9]|RAY_[A-Z_]+|DATABASE_URL)\b/g);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !(name in settingsSchema.shape))).toEqual([]);
  });

  test('has its cron call routes that there are', () => {
    const called = allOf(code, /(?:path|route) += "(\/[a-z-]+)"/g).filter((path) => path !== '/livez');
    expect(called.toSorted()).toEqual(['/purge', '/run']);
    for (const path of called) expect(openapi.paths).toHaveProperty([path, 'post']);
  });

  test('uses every variable that it asks for, and says of each what it is', () => {
    const asked = allOf(code, /^variable "(\w+)"/gm);
    const used = new Set(allOf(code.replaceAll(/^variable "[\s\S]*?^}/gm, ''), /\bvar\.(\w+)/g));
    expect([...used].toSorted()).toEqual(asked.toSorted());
    expect(allOf(code, /^variable "\w+" \{\n +(\w+) +=/gm)).toEqual(asked.map(() => 'description'));
  });

  test('refers only to what it declares', () => {
    const declared = allOf(code, /^(?:resource|data) ("\w+" "\w+")/gm).map((name) =>
      name.replaceAll('"', '').replace(' ', '.'),
    );
    const referred = allOf(code, /\b((?:google|aws)_[a-z0-9_]+\.[a-z_]+)\b/g);
    expect(referred.length).toBeGreaterThan(5);
    expect(referred.filter((name) => !declared.includes(name))).toEqual([]);
  });

  test('has no lifecycle rule on results, which live as long as their rows', () => {
    expect(code).not.toMatch(/lifecycle_(rule|configuration)/);
  });

  test('pins its provider', () => {
    expect(allOf(code, /source +=.+\n +version = "([^"]+)"/g)).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  });
});
