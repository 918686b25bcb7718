/**
 * Inode tables of ext4 images without their checksums (Linux kernel, Documentation/filesystems/ext4/checksums.rst). Each inode has a CRC-32C of
 * itself; in a view that sum is there less the one it should be: zeros. Where inodes are, and the seed of the sums, the old image says.
 */

import { countBefore } from '../search.ts';

const SUPERBLOCK_AT = 1024;
const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;
const READ_ONLY_COMPATIBLE_SUMS = 0x400;
const INCOMPATIBLE_64BIT = 0x80;
const INCOMPATIBLE_SEED = 0x2000;
const GROUPS_MOST = 65_536;
const INODE_MOST_BYTES = 4096;
const [GENERATION_AT, SUM_LOW_AT, EXTRA_AT, SUM_HIGH_AT, INODE_LEAST_BYTES] = [0x64, 0x7c, 0x80, 0x82, 128];
/** Extra fields that an inode needs for the upper half of its sum. */
const EXTRA_LEAST = SUM_HIGH_AT + 2 - INODE_LEAST_BYTES;

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let k = 0; k < 8; k++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f6_3b78;
  return value;
});

/** Without inversion before and after, as ext4 has it. */
function crc32c(bytes: Uint8Array, before: number): number {
  let value = before;
  for (let k = 0; k < bytes.length; k++) value = (CRC32C_TABLE[(value ^ (bytes[k] ?? 0)) & 255] ?? 0) ^ (value >>> 8);
  return value >>> 0;
}

interface Table {
  readonly start: number;
  readonly firstNumber: number;
}

export interface InodeSource {
  readonly sizeBytes: number;
  readonly read: (positionBytes: number, into: Uint8Array) => void;
}

export class InodeTables {
  readonly inodeBytes: number;
  /** Those that follow each other in one: from start to end in the image. */
  readonly ranges: readonly { readonly start: number; readonly end: number }[];
  /** Equal for images whose inodes are in the same places with the same seed. */
  readonly key: string;
  readonly #tables: readonly Table[];
  readonly #tableBytes: number;
  readonly #seed: number;

  private constructor(tables: readonly Table[], tableBytes: number, inodeBytes: number, seed: number) {
    this.#tables = tables;
    this.#tableBytes = tableBytes;
    this.inodeBytes = inodeBytes;
    this.#seed = seed;
    const ranges: { start: number; end: number }[] = [];
    for (const { start } of tables) {
      const last = ranges.at(-1);
      if (last?.end === start) last.end = start + tableBytes;
      else ranges.push({ start, end: start + tableBytes });
    }
    this.ranges = ranges;
    this.key = JSON.stringify([ranges, tableBytes, inodeBytes, seed]);
  }

  /** Undefined where this is no ext4 image whose inodes have sums. Never throws for what is in the image. */
  static of(image: InodeSource): InodeTables | undefined {
    const bytesAt = (position: number, sizeBytes: number): DataView => {
      const bytes = new Uint8Array(sizeBytes);
      if (position + sizeBytes <= image.sizeBytes) image.read(position, bytes);
      return new DataView(bytes.buffer);
    };
    const superblock = bytesAt(SUPERBLOCK_AT, SUPERBLOCK_BYTES);
    const u32 = (at: number): number => superblock.getUint32(at, true);
    const u16 = (at: number): number => superblock.getUint16(at, true);
    const [blockShift, perGroup, inodeBytes] = [u32(0x18), u32(0x28), u16(0x58)];
    const groups = Math.ceil(u32(0) / perGroup);
    if (u16(0x38) !== MAGIC || (u32(0x64) & READ_ONLY_COMPATIBLE_SUMS) === 0 || blockShift > 6) return undefined;
    if (!(groups <= GROUPS_MOST) || inodeBytes < INODE_LEAST_BYTES || inodeBytes > INODE_MOST_BYTES) return undefined;
    const blockBytes = 1024 << blockShift;
    const groupBytes = (u32(0x60) & INCOMPATIBLE_64BIT) === 0 ? 32 : u16(0xfe);
    if (groupBytes < 32 || groupBytes > 1024) return undefined;
    const descriptors = bytesAt((u32(0x14) + 1) * blockBytes, groups * groupBytes);
    const tables = Array.from({ length: groups }, (_, k) => ({
      start: descriptors.getUint32(k * groupBytes + 8, true) * blockBytes,
      firstNumber: k * perGroup + 1,
    }));
    const uuid = new Uint8Array(superblock.buffer, 0x68, 16);
    const seed = (u32(0x60) & INCOMPATIBLE_SEED) === 0 ? crc32c(uuid, 0xffff_ffff) : u32(0x270);
    tables.sort((a, b) => a.start - b.start);
    return new InodeTables(tables, perGroup * inodeBytes, inodeBytes, seed);
  }

  /**
   * Takes the sums off inodes, or puts them on again: doing it twice changes nothing. bytes: whole inodes, the first at this position in the
   * image. False where no inodes are there; bytes are then changed in part.
   */
  toggle(position: number, bytes: Uint8Array): boolean {
    if (bytes.length % this.inodeBytes !== 0) return false;
    for (let done = 0; done < bytes.length; done += this.inodeBytes) {
      const number = this.#numberAt(position + done);
      if (number === undefined) return false;
      this.#toggleOne(number, bytes.subarray(done, done + this.inodeBytes));
    }
    return true;
  }

  #numberAt(position: number): number | undefined {
    const table = this.#tables[countBefore(this.#tables.length, (k) => (this.#tables[k]?.start ?? 0) <= position) - 1];
    const within = table === undefined ? Number.NaN : position - table.start;
    if (table === undefined || !(within < this.#tableBytes) || within % this.inodeBytes !== 0) return undefined;
    return table.firstNumber + within / this.inodeBytes;
  }

  #toggleOne(number: number, inode: Uint8Array): void {
    const view = new DataView(inode.buffer, inode.byteOffset, inode.length);
    const hasHigh = inode.length > INODE_LEAST_BYTES && view.getUint16(EXTRA_AT, true) >= EXTRA_LEAST;
    const [low, high] = [view.getUint16(SUM_LOW_AT, true), hasHigh ? view.getUint16(SUM_HIGH_AT, true) : 0];
    view.setUint16(SUM_LOW_AT, 0, true);
    if (hasHigh) view.setUint16(SUM_HIGH_AT, 0, true);
    // An inode that was never used has no sum.
    const sum = inode.some((byte) => byte !== 0) ? this.#sumOf(number, view.getUint32(GENERATION_AT, true), inode) : 0;
    view.setUint16(SUM_LOW_AT, low ^ (sum & 0xffff), true);
    if (hasHigh) view.setUint16(SUM_HIGH_AT, high ^ (sum >>> 16), true);
  }

  #sumOf(number: number, generation: number, inode: Uint8Array): number {
    const own = new DataView(new ArrayBuffer(8));
    own.setUint32(0, number, true);
    own.setUint32(4, generation, true);
    return crc32c(inode, crc32c(new Uint8Array(own.buffer), this.#seed));
  }
}
