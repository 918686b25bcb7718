/** Lists of unsigned numbers in memory. */

// @ts-nocheck: AssemblyScript, not TypeScript.

/** Sorts in place (heap sort). T: u32 or u64. */
export function sortValues<T>(list: usize, count: i32): void {
  for (let k = count / 2 - 1; k >= 0; k--) sift<T>(list, k, count);
  for (let end = count - 1; end > 0; end--) {
    const top = load<T>(list);
    store<T>(list, load<T>(nth<T>(list, end)));
    store<T>(nth<T>(list, end), top);
    sift<T>(list, 0, end);
  }
}

@inline
function nth<T>(list: usize, k: i32): usize {
  return list + <usize>k * sizeof<T>();
}

function sift<T>(list: usize, k: i32, count: i32): void {
  const value = load<T>(nth<T>(list, k));
  for (;;) {
    let child = 2 * k + 1;
    if (child >= count) break;
    let larger = load<T>(nth<T>(list, child));
    if (child + 1 < count) {
      const right = load<T>(nth<T>(list, child + 1));
      if (right > larger) {
        larger = right;
        child++;
      }
    }
    if (larger <= value) break;
    store<T>(nth<T>(list, k), larger);
    k = child;
  }
  store<T>(nth<T>(list, k), value);
}

/** First k in sorted words with word[k] > value. */
export function wordAbove(at: usize, count: i32, value: u32): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (load<u32>(at + (<usize>middle << 2)) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
