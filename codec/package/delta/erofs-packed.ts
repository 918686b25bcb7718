/**
 * Where the compressed blocks of a file are in an EROFS image (Linux kernel, fs/erofs/erofs_fs.h and zmap.c). They stay compressed: one that
 * did not change but moved is found by the name of its file.
 *
 * Behind the inode: a header of eight bytes, then an index with an entry for each piece of the file as it is unpacked. Full entries have
 * eight bytes each; compact ones share the address of a block between 2, or 16 of them.
 */

import type { ErofsImage } from './erofs.ts';
import { pushRun, type Run } from './runs.ts';

const HEADER_BYTES = 8;
const FULL_BEFORE_BYTES = 8;
const FULL_ENTRY_BYTES = 8;
/** A pack of two entries, and one of sixteen. */
const [PAIR_BYTES, PACK_BYTES, PACK_ENTRIES] = [8, 32, 16];
const [ADVICE_PACKS, ADVICE_BIG, ADVICE_END_INLINE] = [1, 2 | 4, 8];
const IN_FRAGMENTS = 0x80;
const [TYPE_MASK, TYPE_BETWEEN] = [3, 2];
/** In the first entry after one that has an address: how many blocks that has. */
const BLOCK_COUNT = 1 << 11;

interface PackedFile {
  /** Of inode and attributes. */
  readonly end: number;
  /** Compressed blocks, as the inode counts them. */
  readonly blocks: number;
  readonly sizeBytes: number;
  readonly isCompact: boolean;
}

interface Index {
  readonly at: number;
  /** Entries. */
  readonly count: number;
  readonly advice: number;
}

export function packedContent(
  image: ErofsImage,
  file: PackedFile,
): { readonly headEnd: number; readonly runs: readonly Run[] } {
  const header = Math.ceil(file.end / 8) * 8;
  const index = header + HEADER_BYTES;
  const shift = image.blockShift + (image.u8(header + 7) & 7);
  const inFragments = (image.u8(header + 7) & IN_FRAGMENTS) !== 0;
  const count = Math.ceil(file.sizeBytes / 2 ** shift);
  const advice = image.u16(header + 4);
  // All of it lies with the ends of other files.
  if (inFragments) return { headEnd: index, runs: [] };
  const headEnd = file.isCompact
    ? compactEnd(index, count, (advice & ADVICE_PACKS) !== 0)
    : index + FULL_BEFORE_BYTES + count * FULL_ENTRY_BYTES;
  if (headEnd > image.content.length) return { headEnd: file.end, runs: [] };
  const runs = file.isCompact
    ? compactRuns(image, file, { at: index, count, advice })
    : fullRuns(image, { at: index, count, advice });
  const inlineBytes = (advice & ADVICE_END_INLINE) === 0 ? 0 : image.u16(header + 2);
  if (inlineBytes > 0) runs.push({ start: headEnd, sizeBytes: inlineBytes });
  return { headEnd, runs };
}

/** Entries before the first pack. */
function pairsBefore(index: number): number {
  return ((PACK_BYTES - (index % PACK_BYTES)) / 4) & 7;
}

/** Pairs up to a multiple of 32 bytes, then packs where there are enough entries for one, then pairs. */
function compactEnd(index: number, count: number, hasPacks: boolean): number {
  const first = pairsBefore(index);
  const packed = hasPacks && first < count ? Math.floor((count - first) / PACK_ENTRIES) * PACK_ENTRIES : 0;
  const end = index + packed * 2 + (count - packed) * 4;
  return Math.ceil(end / PAIR_BYTES) * PAIR_BYTES;
}

/** Images with compact entries have the blocks of a file one after another: the first address says where. */
function compactRuns(image: ErofsImage, { blocks }: PackedFile, { at, count, advice }: Index): Run[] {
  const isPack = (advice & ADVICE_PACKS) !== 0 && pairsBefore(at) === 0 && count >= PACK_ENTRIES;
  const address = image.u32(at + (isPack ? PACK_BYTES : PAIR_BYTES) - 4);
  // Without blocks of several sizes the address is that of the block before.
  const block = (advice & ADVICE_BIG) === 0 ? address + 1 : address;
  return blocks === 0 ? [] : [{ start: block * image.blockBytes, sizeBytes: blocks * image.blockBytes }];
}

function fullRuns(image: ErofsImage, index: Index): Run[] {
  const runs: Run[] = [];
  const start = index.at + FULL_BEFORE_BYTES;
  const end = start + index.count * FULL_ENTRY_BYTES;
  for (let at = start; at < end && image.countEntry(); at += FULL_ENTRY_BYTES) {
    const block = image.u32(at + 4);
    // The entry that says where the file ends has none: block 0 is the superblock's.
    if ((image.u16(at) & TYPE_MASK) === TYPE_BETWEEN || block === 0) continue;
    const next = at + FULL_ENTRY_BYTES;
    const more = next < end && (image.u16(next) & TYPE_MASK) === TYPE_BETWEEN ? image.u16(next + 4) : 0;
    const blocks = (index.advice & ADVICE_BIG) !== 0 && (more & BLOCK_COUNT) !== 0 ? more & (BLOCK_COUNT - 1) : 1;
    pushRun(runs, block * image.blockBytes, blocks * image.blockBytes);
  }
  return runs;
}
