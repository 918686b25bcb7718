/**
 * The revoked devices, as runs of neighbours: what is sold, stolen or given up together mostly has neighbouring numbers. On air:
 *
 *     | 2 * runs + (some run has more than one device) | gap | length | gap | length | ... | 0 to 7 bits 0 |
 *      LEB128, shortest                                 bits, the highest of a byte first
 *
 *     gap      devices between the run and the one before, less one; of the first run: devices before it.
 *              Rice code with k = depth - (bits of the number of runs), at least 0: gap >> k bits 1, a bit 0, the k low bits
 *     length   Elias gamma code; absent where all runs have one device
 *
 * k follows from the number of runs and is never sent: the gaps of r random devices take log2(N / r) + 1.5 bits each, 0.1 more than any code
 * could do with; at worst, r (k + 1) + 2r bits. Every set has one form, and every form that is accepted is a set.
 */

import { MisuseError } from '../../misuse.ts';
import { checkDepth, leafOf } from './tree.ts';

/** Devices `first` to `first + length - 1`. Of a list: rising, and never touching each other. */
export interface Run {
  readonly first: number;
  readonly length: number;
}

export type RunsFault = 'cut-short' | 'not-canonical' | 'too-many-runs' | 'beyond-the-tree';
type RunsRead =
  | { readonly kind: 'runs'; readonly runs: readonly Run[]; readonly endBytes: number }
  | { readonly kind: 'fault'; readonly fault: RunsFault; readonly offsetBytes: number };

/** Any order; a device may be named twice. Throws `DEPTH`, and `DEVICE` for a device that the tree does not have. */
export function runsOf(depth: number, devices: Iterable<number>): Run[] {
  checkDepth(depth);
  const sorted = Int32Array.from(devices, (device) => leafOf(depth, device) - 2 ** depth).sort();
  const runs: { first: number; length: number }[] = [];
  for (const device of sorted) {
    const last = runs.at(-1);
    if (last === undefined || device > last.first + last.length) runs.push({ first: device, length: 1 });
    else if (device === last.first + last.length) last.length++;
  }
  return runs;
}

function riceBits(depth: number, runs: number): number {
  return Math.max(0, depth - (32 - Math.clz32(runs)));
}

/** Runs as `runsOf` gives them. Throws `RUNS` for others. */
export function encodeRuns(depth: number, runs: readonly Run[]): Uint8Array {
  const hasLengths = runs.some(({ length }) => length > 1);
  const bits = new BitWriter();
  let head = 2 * runs.length + Number(hasLengths);
  for (; head >= 0x80; head >>>= 7) bits.put(8, (head & 0x7f) | 0x80);
  bits.put(8, head);
  const lowBits = riceBits(depth, runs.length);
  let next = 0;
  for (const { first, length } of runs) {
    const gap = first - next;
    if (gap < 0 || length < 1 || first + length > 2 ** depth)
      throw new MisuseError('RUNS', 'Runs of devices rise, do not touch each other and stay inside the tree.');
    for (let ones = gap >> lowBits; ones > 0; ones--) bits.put(1, 1);
    bits.put(1, 0);
    bits.put(lowBits, gap);
    if (hasLengths) {
      const lengthBits = 32 - Math.clz32(length);
      bits.put(lengthBits - 1, 0);
      bits.put(lengthBits, length);
    }
    next = first + length + 1;
  }
  return bits.bytes();
}

/** Reads from `offsetBytes` on. Any bytes give runs or a fault, never an exception and never more than `maxRuns`. */
export function decodeRuns(depth: number, bytes: Uint8Array, offsetBytes: number, maxRuns: number): RunsRead {
  let at = offsetBytes;
  let head = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) return { kind: 'fault', fault: 'cut-short', offsetBytes: at };
    at++;
    head += (byte & 0x7f) * 2 ** shift;
    if (byte >= 0x80) {
      // Five bytes hold the most that a tree can have.
      if (shift === 28) return { kind: 'fault', fault: 'too-many-runs', offsetBytes };
    } else if (byte === 0 && shift > 0) return { kind: 'fault', fault: 'not-canonical', offsetBytes };
    else break;
  }
  const hasLengths = head % 2 === 1;
  const count = (head - (head % 2)) / 2;
  if (count > Math.min(maxRuns, 2 ** (depth - 1))) return { kind: 'fault', fault: 'too-many-runs', offsetBytes };
  const bits = new BitReader(bytes, at);
  const lowBits = riceBits(depth, count);
  const runs: Run[] = [];
  let next = 0;
  let longest = 1;
  for (let k = 0; k < count; k++) {
    const ones = bits.countUntil(0, 2 ** (depth - lowBits));
    const gap = ones * 2 ** lowBits + bits.take(lowBits);
    const lengthBits = hasLengths ? bits.countUntil(1, depth + 1) : 0;
    if (lengthBits > depth) return { kind: 'fault', fault: 'beyond-the-tree', offsetBytes: bits.endBytes };
    const length = 2 ** lengthBits + bits.take(lengthBits);
    if (bits.isPastEnd) return { kind: 'fault', fault: 'cut-short', offsetBytes: bytes.length };
    const first = next + gap;
    next = first + length + 1;
    if (first + length > 2 ** depth) return { kind: 'fault', fault: 'beyond-the-tree', offsetBytes: bits.endBytes };
    runs.push({ first, length });
    longest = Math.max(longest, length);
  }
  if (hasLengths !== longest > 1 || bits.take(bits.bitsToByte) !== 0)
    return { kind: 'fault', fault: 'not-canonical', offsetBytes: bits.endBytes };
  return { kind: 'runs', runs, endBytes: bits.endBytes };
}

class BitWriter {
  readonly #bytes: number[] = [];
  #free = 0;

  /** The low `count` bits of `value`, at most 31 of them. */
  put(count: number, value: number): void {
    for (let k = count - 1; k >= 0; k--) {
      if (this.#free === 0) {
        this.#bytes.push(0);
        this.#free = 8;
      }
      this.#free--;
      this.#bytes[this.#bytes.length - 1] |= ((value >> k) & 1) << this.#free;
    }
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Past the end all bits are 0, and `isPastEnd` says so. */
class BitReader {
  readonly #bytes: Uint8Array;
  #atBits: number;

  constructor(bytes: Uint8Array, offsetBytes: number) {
    this.#bytes = bytes;
    this.#atBits = 8 * offsetBytes;
  }

  get isPastEnd(): boolean {
    return this.endBytes > this.#bytes.length;
  }

  /** First byte that nothing was taken of. */
  get endBytes(): number {
    return Math.ceil(this.#atBits / 8);
  }

  get bitsToByte(): number {
    return 8 * this.endBytes - this.#atBits;
  }

  /** At most 31 bits. */
  take(count: number): number {
    let value = 0;
    for (let k = 0; k < count; k++) value = (value << 1) | this.#next();
    return value;
  }

  /** How many other bits come before the next `bit`, which is taken too; `most` where there are as many or more. */
  countUntil(bit: 0 | 1, most: number): number {
    let count = 0;
    while (count < most && !this.isPastEnd && this.#next() !== bit) count++;
    return count;
  }

  #next(): number {
    const byte = this.#bytes[Math.floor(this.#atBits / 8)] ?? 0;
    const bit = (byte >> (7 - (this.#atBits % 8))) & 1;
    this.#atBits++;
    return bit;
  }
}
