/** A patch applied: old file and patch in, the new file out, through the views that the patch is coded between. */

import {
  type DecodeLimits,
  type DecoderPlace,
  type DecodeSources,
  type DeltaDecoder,
  excessOf,
  type KeptMemory,
  openDelta,
} from './decode.ts';
import { type DeltaHead, readHead } from './format.ts';
import { readerOf } from './machine.ts';
import type { CostsBytes } from './setup.ts';
import { InodeTables } from './view/inodes.ts';
import { type Piece, readPieces } from './view/pieces.ts';
import { Rebuilder, type SavedRebuilder } from './view/rebuild.ts';
import { unpackView } from './view/unpack.ts';
import { MemoryScratch, type Scratch, type View } from './view/view.ts';

export interface ApplyHost {
  readonly patch: Uint8Array;
  /** Fills `into` from the old file at `positionBytes`; zeros after its end. */
  readonly readOld: (positionBytes: number, into: Uint8Array) => void;
  /** The same of what was written. */
  readonly readNew: (positionBytes: number, into: Uint8Array) => void;
  /** Each byte of the new file is written once; front to back, but for files that lie in several places of an image. */
  readonly writeNew: (positionBytes: number, bytes: Uint8Array) => void;
  /** Made where the patch unpacks something. */
  readonly scratch: () => Scratch;
  /** For reports: positions are those of the view, where there is one. */
  readonly stepped?: DecodeSources['stepped'];
}

/** An application of a patch in the middle of its work, but for the memory of its decoder. Plain numbers: it goes through JSON. */
export interface ApplyPlace {
  readonly decoder: DecoderPlace;
  readonly rebuilder?: SavedRebuilder;
}

export interface SavedApply {
  readonly place: ApplyPlace;
  /** Valid until the next step. */
  readonly memory: Uint8Array;
}

/** What was saved, brought back. Old file, what was written of the new one and the scratch must be as they were. */
export interface KeptApply {
  readonly place: ApplyPlace;
  readonly memory: KeptMemory;
}

export type Step = { readonly kind: 'more' | 'end' } | { readonly kind: 'fault'; readonly detail: string };

type Opened =
  | { readonly kind: 'patch'; readonly head: DeltaHead; readonly applier: Applier }
  | { readonly kind: 'fault'; readonly detail: string };

/** What a list of pieces may be long, and what its decoder may take. */
const LIST_MOST_BYTES = 1 << 24;
const LIST_MEMORY_BYTES = 24 * 2 ** 20;

/** Never throws for what is in the patch; what the host throws comes through. kept: goes on from there. */
export function openPatch(host: ApplyHost, limits: DecodeLimits, kept?: KeptApply): Opened {
  const read = readHead(host.patch);
  if (read.kind === 'fault') return read;
  const { head } = read;
  const excess = excessOf(head, limits);
  if (excess !== undefined) return { kind: 'fault', detail: excess };
  const views = head.views === undefined ? undefined : openViews(host, head, kept?.place.rebuilder);
  if (typeof views === 'string') return { kind: 'fault', detail: views };
  const sources =
    views === undefined
      ? host
      : {
          patch: host.patch,
          readOld: (at: number, into: Uint8Array): void => views.old.read(at, into),
          readNew: (at: number, into: Uint8Array): void => views.rebuilder.view.read(at, into),
          stepped: host.stepped,
        };
  const opened = openDelta(sources, limits);
  if (opened.kind === 'fault') return opened;
  if (kept !== undefined && !opened.decoder.restore(kept.place.decoder, kept.memory))
    return { kind: 'fault', detail: 'what was kept of it is of no use' };
  return { kind: 'patch', head, applier: new Applier(opened.decoder, host, views?.rebuilder) };
}

/** Or what is wrong with them. */
function openViews(
  host: ApplyHost,
  head: DeltaHead,
  saved: SavedRebuilder | undefined,
): { readonly old: View; readonly rebuilder: Rebuilder } | string {
  const lists = head.views === undefined ? undefined : piecesOf(head.views.list);
  if (lists === undefined || head.views === undefined) return 'its list of pieces is damaged';
  const [oldPieces, newPieces] = lists;
  if (newPieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) !== head.views.newBytes)
    return 'its list of pieces contradicts its head';
  const scratch = host.scratch();
  const source = { sizeBytes: head.oldSizeBytes, read: host.readOld };
  const old = unpackView(source, oldPieces, head.views.oldBytes, scratch);
  if (old === undefined) return 'the old file is not packed as it says';
  const inodes = (): InodeTables | undefined => InodeTables.of(source);
  const rebuilder = new Rebuilder(
    { sizeBytes: head.newSizeBytes, readNew: host.readNew, writeNew: host.writeNew, inodes },
    newPieces,
    scratch,
    head.views.oldBytes,
    saved,
  );
  return { old, rebuilder };
}

/** Undefined where it is damaged. */
export function piecesOf(packed: Uint8Array): readonly [old: Piece[], next: Piece[]] | undefined {
  let list: Uint8Array = new Uint8Array();
  const readNew = (at: number, into: Uint8Array): void => readerOf(list)(at, into);
  const limits = { newSizeBytes: LIST_MOST_BYTES, memoryBytes: LIST_MEMORY_BYTES };
  const opened = openDelta({ patch: packed, readOld: readerOf(new Uint8Array()), readNew }, limits);
  if (opened.kind === 'fault' || opened.head.views !== undefined || opened.head.oldSizeBytes > 0) return undefined;
  list = new Uint8Array(opened.head.newSizeBytes);
  for (;;) {
    const made = opened.decoder.next();
    if (made.kind === 'fault') return undefined;
    if (made.kind === 'end') return readPieces(list);
    list.set(made.bytes, made.positionBytes);
  }
}

class Applier {
  readonly #decoder: DeltaDecoder;
  readonly #host: ApplyHost;
  readonly #rebuilder: Rebuilder | undefined;

  constructor(decoder: DeltaDecoder, host: ApplyHost, rebuilder: Rebuilder | undefined) {
    this.#decoder = decoder;
    this.#host = host;
    this.#rebuilder = rebuilder;
  }

  /** Makes up to 256 KiB of the view. */
  step(): Step {
    const made = this.#decoder.next();
    if (made.kind === 'fault') return made;
    if (made.kind === 'end')
      return this.#rebuilder === undefined || this.#rebuilder.whole
        ? made
        : { kind: 'fault', detail: 'its pieces do not make the whole file' };
    if (this.#rebuilder === undefined) this.#host.writeNew(made.positionBytes, made.bytes);
    else if (!this.#rebuilder.write(made.bytes)) return { kind: 'fault', detail: 'its pieces lie outside of the file' };
    return { kind: 'more' };
  }

  /** What another applier needs to go on from here. */
  save(): SavedApply | undefined {
    const saved = this.#decoder.save();
    if (saved === undefined) return undefined;
    const { memory, ...decoder } = saved;
    const rebuilder = this.#rebuilder?.save();
    return { place: rebuilder === undefined ? { decoder } : { decoder, rebuilder }, memory };
  }

  costsBytes(): CostsBytes {
    return this.#decoder.costsBytes();
  }
}

export type Applied =
  | { readonly kind: 'content'; readonly content: Uint8Array; readonly costsBytes: CostsBytes }
  | { readonly kind: 'fault'; readonly detail: string };

/** All in memory. `pause` is awaited between chunks, so that a program can do other things meanwhile. */
export async function applyPatch(
  oldContent: Uint8Array,
  patch: Uint8Array,
  limits: DecodeLimits,
  pause: () => Promise<void> = async () => undefined,
  stepped?: DecodeSources['stepped'],
): Promise<Applied> {
  const read = readHead(patch);
  if (read.kind === 'fault') return read;
  const { oldSizeBytes, newSizeBytes } = read.head;
  if (oldSizeBytes !== oldContent.length)
    return { kind: 'fault', detail: `it starts from ${oldSizeBytes} bytes, not ${oldContent.length}` };
  const excess = excessOf(read.head, limits);
  if (excess !== undefined) return { kind: 'fault', detail: excess };
  const content = new Uint8Array(newSizeBytes);
  const readContent = readerOf(content);
  const host = {
    patch,
    readOld: readerOf(oldContent),
    readNew: readContent,
    writeNew: (at: number, bytes: Uint8Array): void => content.set(bytes, at),
    scratch: (): Scratch => new MemoryScratch(),
    stepped,
  };
  const opened = openPatch(host, limits);
  if (opened.kind === 'fault') return opened;
  for (;;) {
    const step = opened.applier.step();
    if (step.kind === 'fault') return step;
    if (step.kind === 'end') return { kind: 'content', content, costsBytes: opened.applier.costsBytes() };
    await pause();
  }
}
