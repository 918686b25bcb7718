/** The modules in AssemblyScript, and the TypeScript files that hold them compiled. */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface AssemblyModule {
  readonly source: string;
  readonly target: string;
  readonly constant: string;
}

export const ASSEMBLY_MODULES: readonly AssemblyModule[] = [
  { source: 'codec/kernels/assembly/simd.ts', target: 'codec/kernels/simd-code.ts', constant: 'SIMD_CODE' },
  { source: 'codec/package/delta/assembly/index.ts', target: 'codec/package/delta/code.json', constant: 'DELTA_CODE' },
  {
    source: 'codec/package/delta/assembly/deflate/index.ts',
    target: 'codec/package/delta/deflate-code.json',
    constant: 'DEFLATE_CODE',
  },
];

const ROOT = join(import.meta.dirname, '..');
const COMPILER = 'node_modules/assemblyscript/bin/asc.js';
const OPTIONS = ['-O3', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory', '--noExportMemory'];
const LINE_CHARACTERS = 110;

export async function compileAssembly({ source, target, constant }: AssemblyModule): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'assembly-'));
  try {
    const file = join(folder, 'out.wasm');
    await promisify(execFile)(process.execPath, [COMPILER, source, ...OPTIONS, '-o', file], { cwd: ROOT });
    const code = await readFile(file);
    // As JSON where it is large: a device strips no types from what has none.
    if (target.endsWith('.json'))
      return `${JSON.stringify({ source, base64: code.toString('base64') }, undefined, 2)}\n`;
    const lines = code.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
    const joined = lines.map((line) => `  '${line}'`).join(' +\n');
    return `/** Made by \`npm run build:kernels\` from ${source}: do not edit. ${code.length} bytes. */\n\nexport const ${constant} =\n${joined};\n`;
  } finally {
    await rm(folder, { recursive: true });
  }
}
