/** Codes a new file against an old one, along lists that say where they are alike. */

import { joined } from '../../bytes.ts';
import { type DeltaHead, writeHead } from './format.ts';
import { type CostsBytes, costsOf, setUp } from './setup.ts';
import { readerOf, startMachine } from './machine.ts';

/** One module, a file inside the two: where it stands in both, and how it is read. */
export interface Module {
  readonly newStart: number;
  readonly newBytes: number;
  readonly oldStart: number;
  readonly oldBytes: number;
  readonly kind: number;
}

export interface Lists {
  readonly modules: readonly Module[];
  /** Triples, in the order of the new file: position in the new file, in the old file, length. */
  readonly segments: Uint32Array;
  /** Quadruples: module, first block, end block, reading. */
  readonly hints: Uint32Array;
}

export interface Encoded {
  readonly patch: Uint8Array;
  readonly costsBytes: CostsBytes;
  /** What decoding needs at most, of its own memory. */
  readonly memoryBytes: number;
}

/** The files themselves, where what is coded are views of them. */
export interface EncodedViews {
  readonly oldSizeBytes: number;
  readonly newSizeBytes: number;
  /** A patch from nothing to the list of pieces. */
  readonly list: Uint8Array;
}

export interface EncodeOptions {
  readonly digests?: { readonly old: Uint8Array; readonly new: Uint8Array };
  readonly views?: EncodedViews | undefined;
  /** Size of the tables, see `DeltaHead`; by itself according to what there is to code. */
  readonly tables?: number;
  /** Called between chunks with how far the new file is coded; throw to stop. */
  readonly progress?: (doneBytes: number, totalBytes: number) => void;
}

/** From these sizes of the larger file on, tables of the next sizes pay. */
const TABLES_FROM_BYTES = [65_536, 262_144, 1_048_576];
/** An old file up to this size is made known to the match model as a whole. */
const INDEX_ALL_BYTES = 1 << 21;
const MEMORY_MOST_BYTES = 2 ** 31;
const MODULE_WORDS = 5;
/** assembly/memory.ts: the new file is coded in pieces of this size. */
const CHUNK_BYTES = 1 << 18;

export function tablesFor(oldSizeBytes: number, newSizeBytes: number): number {
  return TABLES_FROM_BYTES.filter((from) => Math.max(oldSizeBytes, newSizeBytes) >= from).length;
}

/** oldContent, newContent: the files, or the views of them. */
export function encode(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  lists: Lists,
  options: EncodeOptions = {},
): Encoded {
  const parts: Uint8Array[] = [];
  const [readOld, readNew] = [readerOf(oldContent), readerOf(newContent)];
  const machine = startMachine(
    {
      readFile: (isNew, position, into) => (isNew ? readNew : readOld)(position, into),
      readPatch: () => 0,
      writePatch: (bytes) => void parts.push(bytes.slice()),
    },
    MEMORY_MOST_BYTES,
  );
  const { code } = machine;
  const { views } = options;
  const head: DeltaHead = {
    oldSizeBytes: views?.oldSizeBytes ?? oldContent.length,
    newSizeBytes: views?.newSizeBytes ?? newContent.length,
    segmentCount: lists.segments.length / 3,
    moduleCount: lists.modules.length,
    hintCount: lists.hints.length / 4,
    tables: options.tables ?? tablesFor(oldContent.length, newContent.length),
    indexAll: oldContent.length <= INDEX_ALL_BYTES,
    ...(options.digests === undefined ? {} : { digests: options.digests }),
    ...(views === undefined
      ? {}
      : { views: { oldBytes: oldContent.length, newBytes: newContent.length, list: views.list } }),
  };
  setUp(code, 1, head);
  machine.words(code.segmentsAt(), lists.segments.length).set(lists.segments);
  machine.words(code.hintsAt(), lists.hints.length).set(lists.hints);
  const modules = machine.words(code.modulesAt(), MODULE_WORDS * lists.modules.length);
  for (const [k, m] of lists.modules.entries())
    modules.set([m.newStart, m.newBytes, m.oldStart, m.oldBytes, m.kind], MODULE_WORDS * k);
  if (code.begin(Number(head.indexAll)) === 0) throw new RangeError('these lists of a delta contradict each other');
  let memoryBytes = 0;
  for (let done = 0; done < newContent.length; ) {
    options.progress?.(done, newContent.length);
    const at = code.chunkAt() >>> 0;
    const most = newContent.subarray(done, done + CHUNK_BYTES);
    machine.bytes().set(most, at);
    done += code.codeChunk();
    memoryBytes = Math.max(memoryBytes, machine.bytes().length);
  }
  code.finish();
  const costs = costsOf(new BigInt64Array(machine.bytes().buffer as ArrayBuffer, code.costsAt() >>> 0, 5));
  return { patch: joined([writeHead(head), ...parts]), costsBytes: costs, memoryBytes };
}
