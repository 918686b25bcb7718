import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * The walls of the house. Every import in the tree is read and held against the rules; change a rule here, in a commit of
 * its own. The rules are tested below with planted violations.
 */

const ROOT = join(import.meta.dirname, '..');

/** What may stand at the top level besides dot files. */
const TOP_LEVEL = [
  ...['backend', 'codec', 'docs', 'gateway', 'hardware', 'receiver', 'scripts', 'test', 'node_modules'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'vitest.config.ts', 'biome.json', 'knip.json'],
  ...['README.md', 'LICENSE', 'CHANGELOG.md'],
];

/** Audited libraries that are pure enough for `codec`: bytes in, bytes out. */
const CODEC_LIBRARIES = ['cborg', '@noble/curves', '@noble/hashes'];

/** Things of the machine that `codec` may not touch even without an import. */
const CODEC_FORBIDDEN_GLOBALS =
  /(?<![\w.'"#/])(process\.|Buffer\b|Math\.random\b|Date\.now\b|new Date\(\)|performance\.|setTimeout\b|setInterval\b|console\.|fetch\(|crypto\.getRandomValues)/;

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

function importsOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const specifiers: string[] = [];
  for (const match of code.matchAll(/\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g)) {
    specifiers.push(match[1] ?? match[2] ?? '');
  }
  return specifiers;
}

/** The tree path an import points to, or the bare package name. */
function resolveImport(fromPath: string, specifier: string): { inside: boolean; target: string } {
  if (specifier.startsWith('#')) return { inside: true, target: specifier.slice(1) };
  if (specifier.startsWith('.')) return { inside: true, target: normalize(join(dirname(fromPath), specifier)) };
  const parts = specifier.split('/');
  return { inside: false, target: specifier.startsWith('@') ? `${parts[0]}/${parts[1]}` : (parts[0] ?? '') };
}

const MAY_IMPORT: Record<string, (target: string) => boolean> = {
  codec: (t) => t.startsWith('codec/'),
  hardware: (t) => t.startsWith('codec/') || t.startsWith('hardware/'),
  gateway: (t) => t.startsWith('codec/') || t.startsWith('hardware/') || t.startsWith('gateway/'),
  receiver: (t) => t.startsWith('codec/') || t.startsWith('hardware/') || t.startsWith('receiver/'),
  // hardware/native is Node's own zlib and crypto behind codec's contracts, not a device.
  backend: (t) =>
    t.startsWith('codec/') ||
    t.startsWith('hardware/hsm/') ||
    t.startsWith('hardware/native/') ||
    t === 'hardware/contracts.ts' ||
    t.startsWith('backend/'),
  scripts: (t) => !t.startsWith('test/'),
  test: () => true,
};

export function violationsOf({ path, text }: SourceFile): string[] {
  const violations: string[] = [];
  const area = path.split('/')[0] ?? '';
  const rule = MAY_IMPORT[area];
  if (rule === undefined) return path.includes('/') ? [`${path}: no rule for ${area}/`] : [];
  for (const specifier of importsOf(text)) {
    const { inside, target } = resolveImport(path, specifier);
    if (inside) {
      if (!rule(target)) violations.push(`${path}: ${area} may not import ${target}`);
      if (/(^|\/)main\.ts$/.test(target)) violations.push(`${path}: nothing imports a main.ts (${target})`);
    } else if (area === 'codec') {
      if (specifier.startsWith('node:')) violations.push(`${path}: codec imports the Node built-in ${specifier}`);
      else if (!CODEC_LIBRARIES.includes(target)) violations.push(`${path}: codec may not use the library ${target}`);
    }
  }
  if (area === 'codec') {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
    const global = CODEC_FORBIDDEN_GLOBALS.exec(code);
    if (global !== null) violations.push(`${path}: codec uses ${global[1]}`);
  }
  if (/(^|\/)(utils?|helpers?|manager|common|misc)\.ts$/.test(path) && area !== 'test')
    violations.push(`${path}: a name that says nothing`);
  return violations;
}

function* sourceFiles(folder: string): Generator<SourceFile> {
  for (const name of readdirSync(folder)) {
    const full = join(folder, name);
    if (name === 'node_modules' || name.startsWith('.')) continue;
    if (statSync(full).isDirectory()) yield* sourceFiles(full);
    else if (/\.tsx?$/.test(name)) yield { path: relative(ROOT, full), text: readFileSync(full, 'utf8') };
  }
}

describe('the layout', () => {
  it('has only the agreed entries at the top level', () => {
    const unexpected = readdirSync(ROOT).filter((name) => !name.startsWith('.') && !TOP_LEVEL.includes(name));
    expect(unexpected).toEqual([]);
  });

  it('keeps every import inside its walls', () => {
    const files = [...sourceFiles(ROOT)].filter((file) => file.path !== 'test/layout.test.ts');
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap(violationsOf)).toEqual([]);
  });

  it('runs on the Node that the lockfile brings', () => {
    expect(process.versions.node.split('.')[0]).toBe('26');
  });
});

describe('the layout rules catch planted violations', () => {
  const planted: [path: string, text: string, says: string][] = [
    ['codec/iq/fm.ts', `import fs from 'node:fs';`, 'Node built-in'],
    ['codec/iq/fm.ts', `import { z } from 'zod';`, 'library zod'],
    ['codec/iq/fm.ts', `import { x } from '#hardware/contracts.ts';`, 'may not import hardware'],
    ['codec/iq/fm.ts', `import { x } from '../../gateway/config.ts';`, 'may not import gateway'],
    ['codec/iq/fm.ts', `export const f = () => import('node:zlib');`, 'Node built-in'],
    ['codec/iq/fm.ts', `const t = Date.now();`, 'Date.now'],
    ['codec/iq/fm.ts', `const x = Math.random();`, 'Math.random'],
    ['codec/iq/fm.ts', `const b = Buffer.from('');`, 'Buffer'],
    ['codec/iq/fm.ts', `console.log(1);`, 'console.'],
    ['codec/iq/fm.ts', `const e = process.env;`, 'process.'],
    ['codec/iq/utils.ts', '', 'says nothing'],
    ['hardware/file/source.ts', `import { c } from '../../receiver/config.ts';`, 'may not import receiver'],
    ['gateway/link.ts', `import { s } from '../backend/store.ts';`, 'may not import backend'],
    ['gateway/link.ts', `export { s } from '../receiver/listen.ts';`, 'may not import receiver'],
    ['receiver/listen.ts', `import { g } from '../gateway/rota.ts';`, 'may not import gateway'],
    ['receiver/listen.ts', `import './main.ts';`, 'nothing imports a main.ts'],
    ['backend/server.ts', `import { a } from '#hardware/air/channel.ts';`, 'may not import hardware/air'],
    ['scripts/demo/main.ts', `import { a } from '../../test/a.ts';`, 'may not import test'],
    ['elsewhere/x.ts', '', 'no rule'],
  ];
  it.each(planted)('%s with %j', (path, text, says) => {
    expect(violationsOf({ path, text }).join('\n')).toContain(says);
  });

  it('and lets the allowed ones pass', () => {
    expect(
      violationsOf({
        path: 'codec/package/sign.ts',
        text: `import { ed25519 } from '@noble/curves/ed25519.js';\nimport { encode } from './cbor.ts';\n// Buffer is not used here\n`,
      }),
    ).toEqual([]);
    expect(violationsOf({ path: 'backend/signing.ts', text: `import { s } from '#hardware/hsm/file.ts';` })).toEqual(
      [],
    );
  });
});
