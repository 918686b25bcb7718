/**
 * Where files and folders are in an EROFS image (Linux kernel, Documentation/filesystems/erofs.rst; fs/erofs/erofs_fs.h). For the encoder
 * only: what can't be made sense of is left to the alignment.
 *
 * An inode has up to three things behind it, which are its head here: attributes, and of a file in chunks or a compressed one where its
 * blocks are. The end of a file often follows next.
 *
 *     superblock | inode [attributes] [places of blocks] [end of the file] | inode ... | blocks ...
 */

import { packedContent } from './erofs-packed.ts';
import { HOLE, pushRun, type Run } from './runs.ts';
import type { Part } from './tar.ts';

const SUPERBLOCK_AT = 1024;
const SUPERBLOCK_BYTES = 128;
const MAGIC = 0xe0f5_e1e2;
/** Above are features that change where things are: addresses of 48 bits, inodes that are packed themselves. */
const KNOWN_FEATURES = 0x7f;
const FEATURE_FRAGMENTS = 0x20;
const SLOT_BYTES = 32;
const ENTRY_BYTES = 12;
const NAME_MOST_BYTES = 255;
const FOLDERS_DEEP = 64;
/** Entries of folders and chunks that are looked at in one image: damaged folders may all be the same bytes. */
const ENTRIES_MOST = 1 << 21;
/** How content is laid out; 0 is plain: all of it in blocks. */
const [PACKED_FULL, INLINE, PACKED_COMPACT, CHUNKS] = [1, 2, 3, 4];
const [TYPE_FOLDER, TYPE_FILE, TYPE_LINK] = [0x4000, 0x8000, 0xa000];
const CHUNK_SHIFT_MASK = 0x1f;
const CHUNK_INDEXES = 0x20;
const NO_BLOCK = 0xffff_ffff;

interface Inode {
  readonly at: number;
  /** Of what describes the file; the end of the file may follow. */
  readonly headEnd: number;
  readonly type: number;
  readonly runs: readonly Run[];
}

export class ErofsImage {
  readonly #view: DataView;
  readonly content: Uint8Array;
  readonly blockShift: number;
  readonly blockBytes: number;
  readonly #inodesAt: number;
  #entriesSeen = 0;

  constructor(content: Uint8Array) {
    this.content = content;
    this.#view = new DataView(content.buffer, content.byteOffset, content.length);
    this.blockShift = this.u8(SUPERBLOCK_AT + 12);
    this.blockBytes = 2 ** this.blockShift;
    this.#inodesAt = this.u32(SUPERBLOCK_AT + 40) * this.blockBytes;
  }

  get makesSense(): boolean {
    const features = this.u32(SUPERBLOCK_AT + 80);
    return (
      this.u32(SUPERBLOCK_AT) === MAGIC &&
      this.blockShift >= 9 &&
      this.blockShift <= 16 &&
      features <= KNOWN_FEATURES &&
      // Blocks of folders are blocks in all images there are.
      this.u8(SUPERBLOCK_AT + 90) === 0
    );
  }

  /** Numbers of inodes say where they are. */
  get root(): number {
    return this.u16(SUPERBLOCK_AT + 14);
  }

  /** The inode that has the ends of compressed files; 0 = none. */
  get fragments(): number {
    return (this.u32(SUPERBLOCK_AT + 80) & FEATURE_FRAGMENTS) === 0 ? 0 : this.u64(SUPERBLOCK_AT + 96);
  }

  u8(at: number): number {
    return this.content[at] ?? 0;
  }

  u16(at: number): number {
    return at + 2 <= this.content.length ? this.#view.getUint16(at, true) : 0;
  }

  u32(at: number): number {
    return at + 4 <= this.content.length ? this.#view.getUint32(at, true) : 0;
  }

  u64(at: number): number {
    return this.u32(at) + this.u32(at + 4) * 2 ** 32;
  }

  /** False where an image has led through too many: the rest is left. */
  countEntry(): boolean {
    return this.#entriesSeen++ < ENTRIES_MOST;
  }

  /** Undefined where there is none that makes sense. */
  inode(number: number): Inode | undefined {
    const at = this.#inodesAt + number * SLOT_BYTES;
    const format = this.u16(at);
    const isLong = (format & 1) !== 0;
    const layout = (format >> 1) & 7;
    const attributes = this.u16(at + 2);
    const end = at + (isLong ? 64 : 32) + (attributes === 0 ? 0 : 12 + 4 * (attributes - 1));
    if (end > this.content.length || layout > CHUNKS) return undefined;
    const type = this.u16(at + 4) & 0xf000;
    const sizeBytes = isLong ? this.u64(at + 8) : this.u32(at + 8);
    const place = this.u32(at + 16);
    const hasContent = type === TYPE_FOLDER || type === TYPE_FILE || type === TYPE_LINK;
    if (!hasContent || sizeBytes === 0) return { at, headEnd: end, type, runs: [] };
    const { headEnd, runs } = this.#contentOf(layout, end, place, sizeBytes);
    const isInside = runs.every(({ start, sizeBytes: own }) => start === HOLE || start + own <= this.content.length);
    return isInside ? { at, headEnd, type, runs } : { at, headEnd: end, type, runs: [] };
  }

  #contentOf(
    layout: number,
    end: number,
    place: number,
    sizeBytes: number,
  ): { readonly headEnd: number; readonly runs: readonly Run[] } {
    if (layout === CHUNKS) return this.#chunks(end, place, sizeBytes);
    if (layout === PACKED_FULL || layout === PACKED_COMPACT)
      return packedContent(this, { end, blocks: place, sizeBytes, isCompact: layout === PACKED_COMPACT });
    const tailBytes = layout === INLINE ? ((sizeBytes - 1) % this.blockBytes) + 1 : 0;
    const runs: Run[] = [];
    if (sizeBytes > tailBytes) runs.push({ start: place * this.blockBytes, sizeBytes: sizeBytes - tailBytes });
    // A block of the image does not end within.
    const tailFits = (end % this.blockBytes) + tailBytes <= this.blockBytes;
    if (tailBytes > 0 && tailFits) runs.push({ start: end, sizeBytes: tailBytes });
    return { headEnd: end, runs };
  }

  #chunks(end: number, format: number, sizeBytes: number): { readonly headEnd: number; readonly runs: readonly Run[] } {
    const chunkBytes = this.blockBytes * 2 ** (format & CHUNK_SHIFT_MASK);
    const entryBytes = (format & CHUNK_INDEXES) === 0 ? 4 : 8;
    const start = Math.ceil(end / entryBytes) * entryBytes;
    const headEnd = start + Math.ceil(sizeBytes / chunkBytes) * entryBytes;
    if (headEnd > this.content.length) return { headEnd: end, runs: [] };
    const runs: Run[] = [];
    for (let at = start, left = sizeBytes; at < headEnd; at += entryBytes, left -= chunkBytes) {
      const isElsewhere = entryBytes === 8 && this.u16(at + 2) !== 0;
      if (isElsewhere || !this.countEntry()) return { headEnd, runs: [] };
      const block = this.u32(at + entryBytes - 4);
      const own = Math.min(chunkBytes, left);
      if (block === NO_BLOCK) pushRun(runs, HOLE, own);
      else pushRun(runs, block * this.blockBytes, own);
    }
    return { headEnd, runs };
  }
}

/** Undefined where this is no such image. All inodes, also those without content, in the order of their heads. */
export function erofsParts(content: Uint8Array): Part[] | undefined {
  if (content.length < SUPERBLOCK_AT + SUPERBLOCK_BYTES) return undefined;
  const image = new ErofsImage(content);
  if (!image.makesSense) return undefined;
  const parts: Part[] = [];
  // Each once, also where a file has several names or folders lead in circles.
  const seen = new Set<number>();
  const visit = (number: number, path: string, depth: number): void => {
    const inode = seen.has(number) ? undefined : image.inode(number);
    seen.add(number);
    if (inode === undefined) return;
    parts.push({ name: path, headStart: inode.at, headEnd: inode.headEnd, runs: inode.runs });
    if (inode.type !== TYPE_FOLDER || depth === FOLDERS_DEEP) return;
    for (const entry of entriesOf(image, inode.runs)) visit(entry.number, `${path}/${entry.name}`, depth + 1);
  };
  visit(image.root, '', 0);
  if (image.fragments !== 0) visit(image.fragments, '\0fragments', 0);
  return parts.sort((a, b) => a.headStart - b.headStart);
}

/** Each block has its own entries, the names of which follow the last of them. */
function* entriesOf(image: ErofsImage, runs: readonly Run[]): Generator<{ number: number; name: string }> {
  for (const { start, sizeBytes } of runs.filter((run) => run.start !== HOLE))
    for (let block = start; block < start + sizeBytes; block += image.blockBytes) {
      const blockEnd = Math.min(block + image.blockBytes, start + sizeBytes);
      const count = Math.floor(image.u16(block + 8) / ENTRY_BYTES);
      for (let k = 0; k < count && block + (k + 1) * ENTRY_BYTES <= blockEnd && image.countEntry(); k++) {
        const entry = block + k * ENTRY_BYTES;
        const nameStart = block + image.u16(entry + 8);
        const nameEnd = k + 1 < count ? block + image.u16(entry + ENTRY_BYTES + 8) : blockEnd;
        if (nameStart >= nameEnd || nameEnd > blockEnd) continue;
        const padded = image.content.subarray(nameStart, Math.min(nameEnd, nameStart + NAME_MOST_BYTES));
        const zero = padded.indexOf(0);
        const name = new TextDecoder('latin1').decode(zero < 0 ? padded : padded.subarray(0, zero));
        if (name !== '.' && name !== '..') yield { number: image.u64(entry), name };
      }
    }
}
