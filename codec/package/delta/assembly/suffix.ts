/** Suffix arrays by induced sorting (Nong, Zhang, Chan, "Linear suffix array construction by almost pure induced sorting", 2009). */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take } from './memory';

@inline
function symbol<T>(text: usize, k: i32): i32 {
  if (sizeof<T>() == 1) return load<u8>(text + <usize>k);
  return load<i32>(text + (<usize>k << 2));
}
@inline
function word(list: usize, k: i32): i32 {
  return load<i32>(list + (<usize>k << 2));
}
@inline
function put(list: usize, k: i32, value: i32): void {
  store<i32>(list + (<usize>k << 2), value);
}
/** Next free place of a bucket, or the place before. */
@inline
function after(list: usize, k: i32): i32 {
  const at = list + (<usize>k << 2);
  const value = load<i32>(at);
  store<i32>(at, value + 1);
  return value;
}
@inline
function before(list: usize, k: i32): i32 {
  const at = list + (<usize>k << 2);
  const value = load<i32>(at) - 1;
  store<i32>(at, value);
  return value;
}
@inline
function rises(types: usize, k: i32): bool {
  return load<u8>(types + <usize>k) != 0;
}

function induce<T>(text: usize, n: i32, out: usize, types: usize, starts: usize, ends: usize, scratch: usize, upper: i32, seeds: usize, count: i32): void {
  const bytes = <usize>(4 * (upper + 2));
  memory.fill(out, 0xff, <usize>n << 2);
  memory.copy(scratch, ends, bytes);
  for (let k = 0; k < count; k++) {
    const at = word(seeds, k);
    if (at != n) put(out, after(scratch, symbol<T>(text, at)), at);
  }
  memory.copy(scratch, starts, bytes);
  put(out, after(scratch, symbol<T>(text, n - 1)), n - 1);
  for (let k = 0; k < n; k++) {
    const at = word(out, k);
    if (at >= 1 && !rises(types, at - 1)) put(out, after(scratch, symbol<T>(text, at - 1)), at - 1);
  }
  memory.copy(scratch, starts, bytes);
  for (let k = n - 1; k >= 0; k--) {
    const at = word(out, k);
    if (at >= 1 && rises(types, at - 1)) put(out, before(scratch, symbol<T>(text, at - 1) + 1), at - 1);
  }
}

/** out: n words. Symbols are 0 to upper. Scratch memory is given back. */
export function suffixArray<T>(text: usize, n: i32, upper: i32, out: usize): void {
  if (n == 0) return;
  if (n == 1) {
    put(out, 0, 0);
    return;
  }
  const kept = S.free;
  const types = take(<usize>n);
  store<u8>(types + <usize>(n - 1), 0);
  for (let k = n - 2; k >= 0; k--) {
    const a = symbol<T>(text, k);
    const b = symbol<T>(text, k + 1);
    store<u8>(types + <usize>k, a == b ? load<u8>(types + <usize>(k + 1)) : <u8>(a < b));
  }
  const starts = take(<usize>(4 * (upper + 2)));
  const ends = take(<usize>(4 * (upper + 2)));
  const scratch = take(<usize>(4 * (upper + 2)));
  memory.fill(starts, 0, <usize>(4 * (upper + 2)));
  memory.fill(ends, 0, <usize>(4 * (upper + 2)));
  for (let k = 0; k < n; k++) {
    if (rises(types, k)) after(starts, symbol<T>(text, k) + 1);
    else after(ends, symbol<T>(text, k));
  }
  for (let c = 0; c <= upper; c++) {
    put(ends, c, word(ends, c) + word(starts, c));
    put(starts, c + 1, word(starts, c + 1) + word(ends, c));
  }
  const names = take(<usize>(n + 1) << 2);
  memory.fill(names, 0xff, <usize>(n + 1) << 2);
  let m = 0;
  for (let k = 1; k < n; k++) if (!rises(types, k - 1) && rises(types, k)) put(names, k, m++);
  const seeds = take(<usize>(m + 1) << 2);
  for (let k = 1, i = 0; k < n; k++) if (!rises(types, k - 1) && rises(types, k)) put(seeds, i++, k);
  induce<T>(text, n, out, types, starts, ends, scratch, upper, seeds, m);
  if (m > 0) {
    const sorted = take(<usize>(m + 1) << 2);
    for (let k = 0, i = 0; k < n; k++) if (word(names, word(out, k)) != -1) put(sorted, i++, word(out, k));
    const reduced = take(<usize>m << 2);
    let reducedUpper = 0;
    put(reduced, word(names, word(sorted, 0)), 0);
    for (let k = 1; k < m; k++) {
      let l = word(sorted, k - 1);
      let r = word(sorted, k);
      const lName = word(names, l);
      const rName = word(names, r);
      const lEnd = lName + 1 < m ? word(seeds, lName + 1) : n;
      const rEnd = rName + 1 < m ? word(seeds, rName + 1) : n;
      let same = lEnd - l == rEnd - r;
      if (same) {
        while (l < lEnd && symbol<T>(text, l) == symbol<T>(text, r)) {
          l++;
          r++;
        }
        // r == n: the end of the text is smaller than anything.
        if (l == n || r == n || symbol<T>(text, l) != symbol<T>(text, r)) same = false;
      }
      if (!same) reducedUpper++;
      put(reduced, rName, reducedUpper);
    }
    const reducedOut = take(<usize>m << 2);
    suffixArray<i32>(reduced, m, reducedUpper, reducedOut);
    for (let k = 0; k < m; k++) put(sorted, k, word(seeds, word(reducedOut, k)));
    induce<T>(text, n, out, types, starts, ends, scratch, upper, sorted, m);
  }
  S.free = kept;
}
