/**
 * Subset Difference (D. Naor, M. Naor, J. Lotspiech, "Revocation and Tracing Schemes for Stateless Receivers", CRYPTO 2001, section 3.2): all
 * devices but the revoked ones as few disjoint subsets S(i,j), each the leaves below node i without those below node j.
 *
 * The paper takes the tree that the revoked leaves span and cuts every maximal chain of nodes with one child out of it: from i, where the chain
 * begins, to j, the first node below that has two children or is a revoked leaf. At most 2r - 1 subsets for r revoked, about 1.24 r where they are
 * random.
 */

import type { Run } from './revoked.ts';
import { MAX_DEPTH, ROOT } from './tree.ts';

/** S(i,j), or all devices: `EVERYBODY`. */
export interface Subset {
  readonly i: number;
  /** A node below i; 0, which is no node, in `EVERYBODY`. */
  readonly j: number;
}

/** Nobody is revoked. No S(i,j) has all leaves, therefore this one has a key of its own. */
export const EVERYBODY: Subset = { i: ROOT, j: 0 };

/**
 * The subsets, ordered by the last leaf below their i, and the deeper i first where two have the same. None where everybody is revoked.
 *
 * O(runs * depth): of a run, the highest nodes that are revoked as a whole stand for their leaves, at most two of a level.
 */
export function coverOf(depth: number, runs: readonly Run[]): Subset[] {
  if (runs.length === 0) return [EVERYBODY];
  const chains = new Chains(2 ** depth);
  for (const { first, length } of runs) {
    const end = first + length;
    for (let at = first; at < end; ) {
      // The largest aligned power of two that begins here and fits; `-at & at` is the lowest bit of `at`.
      const aligned = at === 0 ? depth : 31 - Math.clz32(-at & at);
      const height = Math.min(aligned, 31 - Math.clz32(end - at));
      chains.add((2 ** depth + at) >> height, 2 ** depth + at);
      at += 2 ** height;
    }
  }
  return chains.finish();
}

/** Walks the spanned tree from left to right without building it: what is open is one path, at most `depth` nodes. */
class Chains {
  readonly #subsets: Subset[] = [];
  /** Nodes with two children of which the right one is not finished, from the root down. */
  readonly #open = new Int32Array(MAX_DEPTH);
  #openCount = 0;
  /** Where the chain ends that is being followed upwards: a revoked node or one with two children. 0 before the first. */
  #end = 0;
  #leaf: number;

  constructor(devices: number) {
    this.#leaf = devices;
  }

  /** A node that is revoked as a whole, to the right of those before, and the first leaf of it. */
  add(revoked: number, leaf: number): void {
    if (this.#end !== 0) {
      const branch = leaf >> (32 - Math.clz32(this.#leaf ^ leaf));
      this.#close(branch);
      this.#chain(2 * branch);
      this.#open[this.#openCount++] = branch;
    }
    this.#end = revoked;
    this.#leaf = leaf;
  }

  finish(): Subset[] {
    this.#close(0);
    this.#chain(ROOT);
    return this.#subsets;
  }

  /** Finishes what is open below `branch`. Of one path, the deeper node has the larger number. */
  #close(branch: number): void {
    while (this.#openCount > 0 && this.#open[this.#openCount - 1] > branch) {
      const closed = this.#open[--this.#openCount];
      this.#chain(2 * closed + 1);
      this.#end = closed;
    }
  }

  #chain(from: number): void {
    if (from !== this.#end) this.#subsets.push({ i: from, j: this.#end });
  }
}
