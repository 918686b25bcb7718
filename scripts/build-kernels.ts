/**
 * `npm run build:kernels`: compiles the modules in AssemblyScript into TypeScript files. The results are kept in the tree, so that nobody
 * has to build anything; a test compiles them anew and compares.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ASSEMBLY_MODULES, compileAssembly } from './compile-kernels.ts';

for (const module of ASSEMBLY_MODULES) {
  const text = await compileAssembly(module);
  writeFileSync(join(import.meta.dirname, '..', module.target), text);
  process.stderr.write(`${module.target}: ${text.length} characters\n`);
}
