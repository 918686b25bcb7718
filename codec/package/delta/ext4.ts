/**
 * Where files and folders are in an ext2, ext3 or ext4 image (Linux kernel, Documentation/filesystems/ext4). For the encoder only: what
 * can't be made sense of is left to the alignment.
 */

import { HOLE, pushRun, type Run } from './runs.ts';
import type { Part } from './tar.ts';

const SUPERBLOCK_AT = 1024;
const MAGIC = 0xef53;
const INCOMPAT_64BIT = 0x80;
const FLAG_EXTENTS = 0x8_0000;
const FLAG_INLINE = 0x1000_0000;
const EXTENT_MAGIC = 0xf30a;
const ROOT_INODE = 2;
const UNWRITTEN = 32_768;
const DEPTH_MOST = 5;
const FOLDERS_DEEP = 64;
/** Entries of extent trees that are looked at in one image: damaged trees may lead in circles. */
const ENTRIES_MOST = 1 << 22;

interface Extent {
  /** In the file. */
  readonly at: number;
  readonly position: number;
  readonly sizeBytes: number;
}

interface Inode {
  readonly mode: number;
  readonly runs: readonly Run[];
}

class Image {
  readonly #view: DataView;
  readonly content: Uint8Array;
  readonly blockBytes: number;
  readonly #inodesPerGroup: number;
  readonly #inodeBytes: number;
  readonly #groupBytes: number;
  readonly #groupsAt: number;
  #entriesSeen = 0;

  constructor(content: Uint8Array) {
    this.content = content;
    this.#view = new DataView(content.buffer, content.byteOffset, content.length);
    this.blockBytes = 1024 << this.u32(SUPERBLOCK_AT + 0x18);
    this.#inodesPerGroup = this.u32(SUPERBLOCK_AT + 0x28);
    this.#inodeBytes = this.u16(SUPERBLOCK_AT + 0x58) || 128;
    const wide = (this.u32(SUPERBLOCK_AT + 0x60) & INCOMPAT_64BIT) !== 0;
    this.#groupBytes = wide ? this.u16(SUPERBLOCK_AT + 0xfe) || 64 : 32;
    this.#groupsAt = (this.u32(SUPERBLOCK_AT + 0x14) + 1) * this.blockBytes;
  }

  get makesSense(): boolean {
    return this.u32(SUPERBLOCK_AT + 0x18) <= 6 && this.#inodesPerGroup > 0 && this.#inodeBytes >= 128;
  }

  u16(at: number): number {
    return at + 2 <= this.content.length ? this.#view.getUint16(at, true) : 0;
  }

  u32(at: number): number {
    return at + 4 <= this.content.length ? this.#view.getUint32(at, true) : 0;
  }

  inode(number: number): Inode {
    const group = Math.floor((number - 1) / this.#inodesPerGroup);
    const table = this.u32(this.#groupsAt + group * this.#groupBytes + 8);
    const at = table * this.blockBytes + ((number - 1) % this.#inodesPerGroup) * this.#inodeBytes;
    const flags = this.u32(at + 0x20);
    const sizeBytes = this.u32(at + 4) + this.u32(at + 0x6c) * 2 ** 32;
    const extents =
      (flags & FLAG_EXTENTS) !== 0 && (flags & FLAG_INLINE) === 0 ? this.#extents(at + 0x28, DEPTH_MOST) : [];
    return { mode: this.u16(at), runs: runsOf(extents, sizeBytes) };
  }

  #extents(at: number, depth: number): Extent[] {
    if (this.u16(at) !== EXTENT_MAGIC || depth === 0) return [];
    const count = Math.min(this.u16(at + 2), this.blockBytes / 12);
    const leaf = this.u16(at + 6) === 0;
    const found: Extent[] = [];
    for (let k = 1; k <= count && this.#entriesSeen < ENTRIES_MOST; k++) {
      this.#entriesSeen++;
      const entry = at + 12 * k;
      if (leaf) {
        const blocks = this.u16(entry + 4);
        if (blocks > UNWRITTEN) continue;
        const position = (this.u32(entry + 8) + this.u16(entry + 6) * 2 ** 32) * this.blockBytes;
        found.push({ at: this.u32(entry) * this.blockBytes, position, sizeBytes: blocks * this.blockBytes });
      } else found.push(...this.#extents(this.u32(entry + 4) * this.blockBytes, depth - 1));
    }
    return found;
  }
}

/** Blocks that were not written, because they are zeros, are holes. */
function runsOf(extents: readonly Extent[], fileBytes: number): Run[] {
  const runs: Run[] = [];
  let end = 0;
  for (const { at, position, sizeBytes } of extents) {
    const own = Math.min(sizeBytes, fileBytes - at);
    if (own <= 0 || at < end) continue;
    if (at > end) pushRun(runs, HOLE, at - end);
    pushRun(runs, position, own);
    end = at + own;
  }
  return runs;
}

/** Undefined where this is no such image. In the order of their first bytes. */
export function ext4Parts(content: Uint8Array): Part[] | undefined {
  if (content.length < 4096) return undefined;
  const image = new Image(content);
  if (image.u16(SUPERBLOCK_AT + 0x38) !== MAGIC || !image.makesSense) return undefined;
  const parts: Part[] = [];
  const seen = new Set<number>();
  const visit = (number: number, path: string, depth: number): void => {
    if (seen.has(number)) return;
    seen.add(number);
    const { mode, runs } = image.inode(number);
    const type = mode & 0xf000;
    const first = runs.find(({ start }) => start !== HOLE);
    if ((type !== 0x4000 && type !== 0x8000) || first === undefined) return;
    if (runs.some(({ start, sizeBytes }) => start + sizeBytes > content.length)) return;
    parts.push({ name: path, headStart: first.start, headEnd: first.start, runs });
    if (type !== 0x4000 || depth === FOLDERS_DEEP) return;
    for (const run of runs)
      if (run.start !== HOLE)
        for (const entry of entriesOf(image, run.start, run.sizeBytes))
          visit(entry.number, `${path}/${entry.name}`, depth + 1);
  };
  visit(ROOT_INODE, '', 0);
  return parts.sort((a, b) => a.headEnd - b.headEnd);
}

function entriesOf(image: Image, position: number, sizeBytes: number): { number: number; name: string }[] {
  const entries: { number: number; name: string }[] = [];
  for (let at = position; at + 8 <= position + sizeBytes; ) {
    const number = image.u32(at);
    const step = image.u16(at + 4);
    if (step < 8) break;
    const length = image.content[at + 6] ?? 0;
    const name = new TextDecoder('latin1').decode(image.content.subarray(at + 8, at + 8 + length));
    if (number !== 0 && length > 0 && name !== '.' && name !== '..') entries.push({ number, name });
    at += step;
  }
  return entries;
}
