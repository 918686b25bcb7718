/**
 * What is in a squashfs image packed with zlib (Linux kernel, Documentation/filesystems/squashfs; fs/squashfs/squashfs_fs.h). For the
 * encoder only: what can't be made sense of is left to the alignment.
 */

import { joined } from '../../../bytes.ts';
import type { Packings } from './packing.ts';
import { WRAP_ZLIB } from './pieces.ts';

const MAGIC = 0x7371_7368;
const SUPERBLOCK_BYTES = 96;
const COMPRESSION_ZLIB = 1;
const METADATA_BYTES = 8192;
const METADATA_STORED = 0x8000;
const DATA_STORED = 1 << 24;
const NO_FRAGMENT = 0xffff_ffff;
const FRAGMENT_ENTRY_BYTES = 16;
const FOLDERS_DEEP = 64;
/** Types of inodes: the second seven are the long forms. */
const [FOLDER, FILE, LINK, BLOCK, CHARACTER, FIFO, SOCKET] = [1, 2, 3, 4, 5, 6, 7];
const LONG = 7;

/** A block as it stands in the image. */
export interface Block {
  readonly start: number;
  readonly storedBytes: number;
  readonly packed: boolean;
}

export interface SquashFile {
  readonly name: string;
  readonly blocks: readonly Block[];
  /** Bytes that are the file's of the last block, or where there is a fragment of that. */
  readonly sizeBytes: number;
  readonly fragment: { readonly block: Block; readonly offset: number } | undefined;
}

export interface Squashfs {
  readonly blockBytes: number;
  readonly files: readonly SquashFile[];
  /** Tables with their blocks of metadata, in order: from start to end of each. */
  readonly tables: readonly {
    readonly name: string;
    readonly start: number;
    readonly end: number;
    readonly blocks: readonly Block[];
  }[];
}

interface Metadata {
  readonly blocks: readonly Block[];
  readonly content: Uint8Array;
  /** Where a block at this distance from the table's start is in the content. */
  readonly placeOf: ReadonlyMap<number, number>;
}

class Reader {
  readonly image: Uint8Array;
  readonly #view: DataView;
  readonly packings: Packings;

  constructor(image: Uint8Array, packings: Packings) {
    this.image = image;
    this.#view = new DataView(image.buffer, image.byteOffset, image.length);
    this.packings = packings;
  }

  u16(at: number): number {
    return at >= 0 && at + 2 <= this.image.length ? this.#view.getUint16(at, true) : 0;
  }
  u32(at: number): number {
    return at >= 0 && at + 4 <= this.image.length ? this.#view.getUint32(at, true) : 0;
  }
  /** Places in an image; more than a double holds is none. */
  u64(at: number): number {
    return this.u32(at) + this.u32(at + 4) * 2 ** 32;
  }

  /** Blocks of metadata from start to end. */
  metadata(start: number, end: number): Metadata {
    const blocks: Block[] = [];
    const parts: Uint8Array[] = [];
    const placeOf = new Map<number, number>();
    let sizeBytes = 0;
    for (let at = start; at + 2 < end && end <= this.image.length; ) {
      const header = this.u16(at);
      const block = {
        start: at + 2,
        storedBytes: header & ~METADATA_STORED,
        packed: (header & METADATA_STORED) === 0,
      };
      const content = this.contentOf(block);
      if (block.storedBytes === 0 || content === undefined || content.length > METADATA_BYTES) break;
      placeOf.set(at - start, sizeBytes);
      blocks.push(block);
      parts.push(content);
      sizeBytes += content.length;
      at = block.start + block.storedBytes;
    }
    return { blocks, content: joined(parts), placeOf };
  }

  contentOf({ start, storedBytes, packed }: Block): Uint8Array | undefined {
    const stored = this.image.subarray(start, start + storedBytes);
    if (stored.length < storedBytes) return undefined;
    return packed ? this.packings.unpack(stored, WRAP_ZLIB)?.content : stored;
  }
}

interface Inode {
  /** File: blocks and fragment. */
  readonly file?: Omit<SquashFile, 'name'>;
  /** Folder: where its entries are. */
  readonly folder?: { readonly block: number; readonly offset: number; readonly sizeBytes: number };
}

/** Undefined where this is no such image. */
export function readSquashfs(image: Uint8Array, packings: Packings): Squashfs | undefined {
  const reader = new Reader(image, packings);
  const u32 = (at: number): number => reader.u32(at);
  const u64 = (at: number): number => reader.u64(at);
  if (u32(0) !== MAGIC || reader.u16(20) !== COMPRESSION_ZLIB || reader.u16(28) !== 4) return undefined;
  const blockBytes = u32(12);
  if (blockBytes < 4096 || blockBytes > 1 << 20) return undefined;
  const [idTable, inodesAt, foldersAt, fragmentTable, lookupTable] = [u64(48), u64(64), u64(72), u64(80), u64(88)];
  if (![inodesAt, foldersAt, idTable].every((at) => at >= SUPERBLOCK_BYTES && at < image.length)) return undefined;
  const has = (table: number): boolean => table > foldersAt && table < image.length;
  const fragmentsAt = has(fragmentTable) ? u64(fragmentTable) : undefined;
  const lookupAt = has(lookupTable) ? u64(lookupTable) : undefined;
  const foldersEnd = Math.min(...[fragmentsAt, lookupAt, u64(idTable)].filter((at) => at !== undefined));
  const inodes = reader.metadata(inodesAt, foldersAt);
  const folders = reader.metadata(foldersAt, foldersEnd);
  const fragments = fragmentsAt === undefined ? undefined : reader.metadata(fragmentsAt, fragmentTable);
  const fragmentBlocks = fragmentsOf(fragments?.content ?? new Uint8Array());
  const byNumber = inodesOf(inodes.content, blockBytes, fragmentBlocks);
  const files: SquashFile[] = [];
  // Each once, also where a file has several names or folders lead in circles.
  const seen = new Set<number>();
  const visit = (number: number, path: string, depth: number): void => {
    const inode = seen.has(number) ? undefined : byNumber.get(number);
    seen.add(number);
    if (inode?.file !== undefined) files.push({ name: path, ...inode.file });
    if (inode?.folder === undefined || depth === FOLDERS_DEEP) return;
    for (const entry of entriesOf(folders, inode.folder)) visit(entry.number, `${path}/${entry.name}`, depth + 1);
  };
  const rootBlock = inodes.placeOf.get(Math.floor(u64(32) / 65_536));
  if (rootBlock === undefined) return undefined;
  const root = rootBlock + (u32(32) & 0xffff);
  visit(view(inodes.content).getUint32(Math.min(root + 12, inodes.content.length - 4), true), '', 0);
  const tables = [
    { name: 'superblock', start: 0, end: SUPERBLOCK_BYTES, blocks: [] as readonly Block[] },
    { name: 'inodes', start: inodesAt, end: foldersAt, blocks: inodes.blocks },
    { name: 'folders', start: foldersAt, end: foldersEnd, blocks: folders.blocks },
  ];
  if (fragmentsAt !== undefined)
    tables.push({ name: 'fragments', start: fragmentsAt, end: fragmentTable, blocks: fragments?.blocks ?? [] });
  if (lookupAt !== undefined)
    tables.push({
      ...{ name: 'lookup', start: lookupAt, end: lookupTable },
      blocks: reader.metadata(lookupAt, lookupTable).blocks,
    });
  return { blockBytes, files, tables };
}

function view(content: Uint8Array): DataView {
  return new DataView(content.buffer, content.byteOffset, content.length);
}

function dataBlock(start: number, size: number): Block {
  return { start, storedBytes: size & (DATA_STORED - 1), packed: (size & DATA_STORED) === 0 };
}

function fragmentsOf(content: Uint8Array): Block[] {
  const of = view(content);
  const blocks: Block[] = [];
  for (let at = 0; at + FRAGMENT_ENTRY_BYTES <= content.length; at += FRAGMENT_ENTRY_BYTES)
    blocks.push(dataBlock(of.getUint32(at, true) + of.getUint32(at + 4, true) * 2 ** 32, of.getUint32(at + 8, true)));
  return blocks;
}

/** All inodes by their numbers, one after another as they are in the table. */
function inodesOf(content: Uint8Array, blockBytes: number, fragments: readonly Block[]): Map<number, Inode> {
  const of = view(content);
  const u16 = (at: number): number => (at + 2 <= content.length ? of.getUint16(at, true) : 0);
  const u32 = (at: number): number => (at + 4 <= content.length ? of.getUint32(at, true) : 0);
  const found = new Map<number, Inode>();
  for (let at = 0; at + 20 <= content.length; ) {
    const type = u16(at);
    const number = u32(at + 12);
    const short = type > LONG ? type - LONG : type;
    const long = type > LONG;
    const body = at + 16;
    let end = body;
    let inode: Inode = {};
    if (short === FOLDER) {
      end = body + (long ? 24 : 16);
      const folder = long
        ? { block: u32(body + 8), offset: u16(body + 18), sizeBytes: u32(body + 4) }
        : { block: u32(body), offset: u16(body + 10), sizeBytes: u16(body + 8) };
      if (long) for (let k = u16(body + 16); k > 0; k--) end += 12 + u32(end + 8) + 1;
      inode = { folder };
    } else if (short === FILE) {
      const [start, size, fragment, offset] = long
        ? [
            u32(body) + u32(body + 4) * 2 ** 32,
            u32(body + 8) + u32(body + 12) * 2 ** 32,
            u32(body + 28),
            u32(body + 32),
          ]
        : [u32(body), u32(body + 12), u32(body + 4), u32(body + 8)];
      const list = body + (long ? 40 : 16);
      const count = fragment === NO_FRAGMENT ? Math.ceil(size / blockBytes) : Math.floor(size / blockBytes);
      end = list + 4 * count;
      if (end > content.length) break;
      inode = { file: fileOf(u32, { start, size, list, count }, fragments[fragment], offset) };
    } else if (short === LINK) end = body + 8 + u32(body + 4) + (long ? 4 : 0);
    else if (short === BLOCK || short === CHARACTER) end = body + 8 + (long ? 4 : 0);
    else if (short === FIFO || short === SOCKET) end = body + 4 + (long ? 4 : 0);
    else break;
    found.set(number, inode);
    at = end;
  }
  return found;
}

function fileOf(
  u32: (at: number) => number,
  list: { readonly start: number; readonly size: number; readonly list: number; readonly count: number },
  fragment: Block | undefined,
  offset: number,
): Omit<SquashFile, 'name'> {
  const blocks: Block[] = [];
  let start = list.start;
  for (let k = 0; k < list.count; k++) {
    const block = dataBlock(start, u32(list.list + 4 * k));
    blocks.push(block);
    start += block.storedBytes;
  }
  return { blocks, sizeBytes: list.size, fragment: fragment === undefined ? undefined : { block: fragment, offset } };
}

function entriesOf(
  folders: Metadata,
  { block, offset, sizeBytes }: NonNullable<Inode['folder']>,
): { number: number; name: string }[] {
  const place = folders.placeOf.get(block);
  if (place === undefined) return [];
  const { content } = folders;
  const of = view(content);
  const entries: { number: number; name: string }[] = [];
  // A folder's size counts three bytes for '.' and '..'.
  const end = Math.min(content.length, place + offset + sizeBytes - 3);
  for (let at = place + offset; at + 12 <= end; ) {
    const count = of.getUint32(at, true) + 1;
    const base = of.getUint32(at + 8, true);
    at += 12;
    for (let k = 0; k < count && at + 8 <= end; k++) {
      const length = of.getUint16(at + 6, true) + 1;
      const name = new TextDecoder('latin1').decode(content.subarray(at + 8, at + 8 + length));
      entries.push({ number: base + of.getInt16(at + 2, true), name });
      at += 8 + length;
    }
  }
  return entries;
}
