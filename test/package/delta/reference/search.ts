/** Binary search. Where a list is not quite in order, which entry is found depends on the entries that are looked at: always these. */

/** The first of `count` entries that is above, or `count`. */
export function firstAbove(count: number, isAbove: (k: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAbove(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many numbers of a rising list are at most this one. */
export function countAtMost(list: ArrayLike<number>, value: number): number {
  return firstAbove(list.length, (k) => list[k] > value);
}
