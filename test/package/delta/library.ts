/** A shared library made by the machine's compiler: two that differ in one function have all their addresses moved. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FUNCTIONS = 700;

/** change: statements for the middle of the tenth function. */
export function library(folder: string, name: string, change: string): Uint8Array {
  const lines = ['#include <stdio.h>', '#include <string.h>', 'extern unsigned seed;'];
  for (let k = 0; k < FUNCTIONS; k++) lines.push(`unsigned f${k}(unsigned x, const char *s);`);
  for (let k = 0; k < FUNCTIONS; k++) {
    const [a, b] = [(k * 7 + 3) % FUNCTIONS, (k * 13 + 5) % FUNCTIONS];
    lines.push(
      `unsigned f${k}(unsigned x, const char *s) {`,
      `  if (x == ${k * 3 + 1}) { puts("the value number ${k} of ${a}"); return strlen(s) + seed; }`,
      k === 10 ? `  ${change}` : '',
      `  switch (x & 7) { case 0: return f${a}(x >> 1, "${a}"); case 1: return x * ${k + 9}; case 2: return f${b}(x - 1, s);`,
      `    case 3: seed += x; break; case 4: return ${k}; case 5: printf("%u %s\\n", x, s); break; default: x ^= seed; }`,
      `  return x + seed * ${k % 11}; }`,
    );
  }
  lines.push('unsigned seed = 42;', 'unsigned (*const table[])(unsigned, const char *) = {');
  for (let k = 0; k < FUNCTIONS; k++) lines.push(`  f${k},`);
  lines.push('};');
  const path = join(folder, name);
  writeFileSync(`${path}.c`, `${lines.join('\n')}\n`);
  execFileSync('gcc', ['-O1', '-fPIC', '-shared', '-Wl,--build-id=none', '-o', `${path}.so`, `${path}.c`]);
  return readFileSync(`${path}.so`);
}
