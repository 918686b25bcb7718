/** The text of codec/kernels/simd-code.ts as the AssemblyScript compiler makes it. */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const COMPILER = 'node_modules/assemblyscript/bin/asc.js';
const SOURCE = 'codec/kernels/assembly/simd.ts';
const OPTIONS = ['-O3', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory', '--noExportMemory'];
const LINE_CHARACTERS = 110;

export async function compileKernels(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kernels-'));
  try {
    const file = join(folder, 'simd.wasm');
    await promisify(execFile)(process.execPath, [COMPILER, SOURCE, ...OPTIONS, '-o', file], { cwd: ROOT });
    const code = await readFile(file);
    const lines = code.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
    const joined = lines.map((line) => `  '${line}'`).join(' +\n');
    return `/** Made by \`npm run build:kernels\` from assembly/simd.ts: do not edit. ${code.length} bytes. */\n\nexport const SIMD_CODE =\n${joined};\n`;
  } finally {
    await rm(folder, { recursive: true });
  }
}
