/** Searching in what is sorted. */

/** How many items come before the first one that is not `before`; the items that are `before` come first. */
export function countBefore(count: number, before: (k: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
