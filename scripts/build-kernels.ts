/**
 * `npm run build:kernels`: compiles codec/kernels/assembly/simd.ts into codec/kernels/simd-code.ts. The result is kept in the tree, so that
 * nobody has to build anything; a test compiles it anew and compares.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileKernels } from './compile-kernels.ts';

const path = join(import.meta.dirname, '../codec/kernels/simd-code.ts');
const text = await compileKernels();
writeFileSync(path, text);
process.stderr.write(`${path}: ${text.length} characters\n`);
