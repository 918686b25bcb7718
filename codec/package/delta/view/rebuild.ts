/** From the view of a new file to the file: what comes front to back is put where it belongs, and packed again where it was packed. */

import { DeflateMachine } from '../deflate/machine.ts';
import type { InodeTables } from './inodes.ts';
import type { Piece } from './pieces.ts';
import { type Scratch, View } from './view.ts';
import { Wrapping } from './wrap.ts';

interface RebuildHost {
  readonly sizeBytes: number;
  readonly readNew: (positionBytes: number, into: Uint8Array) => void;
  readonly writeNew: (positionBytes: number, bytes: Uint8Array) => void;
  /** Of the old image; asked for where the list has inodes. */
  readonly inodes: () => InodeTables | undefined;
}

/** A rebuilder in the middle of its work: where the piece at hand began, and how much of it is done. */
export interface SavedRebuilder {
  readonly piece: number;
  readonly doneBytes: number;
  readonly at: number;
  readonly scratchAt: number;
  readonly written: number;
  readonly places: readonly number[];
}

const REPLAY_BYTES = 65_536;

export class Rebuilder {
  readonly #host: RebuildHost;
  readonly #pieces: readonly Piece[];
  readonly #scratch: Scratch;
  readonly view: View;
  /** The piece at hand, and how much of it is done. */
  #piece = 0;
  #doneBytes = 0;
  /** Where the next byte of the file goes. */
  #at = 0;
  #scratchAt: number;
  #written = 0;
  #outside = false;
  /** What was written is not written again. */
  #replaying = false;
  /** As it was where the piece at hand began, without the piece. */
  #began = { at: 0, scratchAt: 0, written: 0, places: 0 };
  #machine: DeflateMachine | undefined;
  #wrapping: Wrapping | undefined;
  #inodes: InodeTables | undefined;
  #inode = new Uint8Array();
  #inodeBytes = 0;

  /** scratchStart: what is before it in the scratch is left alone. */
  constructor(
    host: RebuildHost,
    pieces: readonly Piece[],
    scratch: Scratch,
    scratchStart: number,
    saved?: SavedRebuilder,
  ) {
    this.#host = host;
    this.#pieces = pieces;
    this.#scratch = scratch;
    this.#scratchAt = scratchStart;
    this.view = new View(host.readNew, scratch);
    if (saved === undefined) this.#begin();
    else this.#restore(saved);
  }

  save(): SavedRebuilder {
    const { at, scratchAt, written, places } = this.#began;
    return { piece: this.#piece, doneBytes: this.#doneBytes, at, scratchAt, written, places: this.view.saved(places) };
  }

  /** What was packed of a piece is packed again from the scratch: it says nothing new to the file. */
  #restore({ piece, doneBytes, at, scratchAt, written, places }: SavedRebuilder): void {
    this.view.restore(places);
    this.#piece = piece;
    this.#at = at;
    this.#scratchAt = scratchAt;
    this.#written = written;
    this.#replaying = true;
    this.#begin();
    const current = this.#pieces[this.#piece];
    if (this.#piece !== piece || doneBytes > (current?.sizeBytes ?? 0)) this.#outside = true;
    else if (current?.kind === 'packed' || current?.kind === 'inodes') {
      const bytes = new Uint8Array(REPLAY_BYTES);
      for (let done = 0; done < doneBytes; done += REPLAY_BYTES) {
        const some = bytes.subarray(0, doneBytes - done);
        this.#scratch.read(scratchAt + done, some);
        this.#add(current, some);
      }
    } else if (current?.kind === 'raw') {
      this.#at += doneBytes;
      this.#written += doneBytes;
    }
    this.#doneBytes = doneBytes;
    this.#replaying = false;
  }

  /** The next bytes of the view. False where they have no place in the file. */
  write(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length && !this.#outside; ) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined) return false;
      const some = bytes.subarray(at, at + piece.sizeBytes - this.#doneBytes);
      this.#add(piece, some);
      at += some.length;
      this.#doneBytes += some.length;
      if (this.#doneBytes === piece.sizeBytes) {
        this.#end(piece);
        this.#piece++;
        this.#begin();
      }
    }
    return !this.#outside;
  }

  /** As many bytes as the file has were written, all inside of it. */
  get whole(): boolean {
    return this.#piece === this.#pieces.length && !this.#outside && this.#written === this.#host.sizeBytes;
  }

  /** Begins the piece at hand; pieces without a byte end at once. */
  #begin(): void {
    for (; ; this.#piece++) {
      const piece = this.#pieces[this.#piece];
      this.#doneBytes = 0;
      this.#began = { at: this.#at, scratchAt: this.#scratchAt, written: this.#written, places: this.view.count };
      if (piece === undefined) return;
      if (piece.kind === 'hole') this.view.add('nothing', 0, piece.sizeBytes);
      else {
        this.#at += piece.skipBytes;
        this.#outside ||= this.#at < 0 || this.#at > this.#host.sizeBytes;
        if (piece.kind === 'raw') this.view.add('file', this.#at, piece.sizeBytes);
        else if (piece.kind === 'packed') this.#beginPacked(piece);
        else this.#beginInodes(piece.sizeBytes);
      }
      if (piece.sizeBytes > 0) return;
      this.#end(piece);
    }
  }

  #beginPacked({ sizeBytes, wrap, packing }: Piece & { readonly kind: 'packed' }): void {
    if (packing === undefined) return;
    this.view.add('scratch', this.#scratchAt, sizeBytes);
    this.#machine ??= new DeflateMachine();
    this.#wrapping = new Wrapping(wrap, packing);
    this.#put(this.#wrapping.head());
    this.#machine.open(packing, (packed) => this.#put(packed));
  }

  #beginInodes(sizeBytes: number): void {
    this.view.add('scratch', this.#scratchAt, sizeBytes);
    this.#inodes ??= this.#host.inodes();
    this.#outside ||= this.#inodes === undefined || sizeBytes % this.#inodes.inodeBytes !== 0;
    this.#inode = new Uint8Array(this.#inodes?.inodeBytes ?? 0);
    this.#inodeBytes = 0;
  }

  /** One after another, each once it is whole. */
  #addInodes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#outside; ) {
      const some = bytes.subarray(at, at + this.#inode.length - this.#inodeBytes);
      this.#inode.set(some, this.#inodeBytes);
      this.#inodeBytes += some.length;
      at += some.length;
      if (this.#inodeBytes < this.#inode.length) return;
      this.#inodeBytes = 0;
      this.#outside ||= this.#inodes?.toggle(this.#at, this.#inode) !== true;
      this.#put(this.#inode.slice());
    }
  }

  #add(piece: Piece, bytes: Uint8Array): void {
    if (piece.kind === 'raw') this.#put(bytes);
    if (piece.kind === 'raw' || piece.kind === 'hole') return;
    this.#scratch.write(this.#scratchAt, bytes);
    this.#scratchAt += bytes.length;
    if (piece.kind === 'inodes') {
      this.#addInodes(bytes);
      return;
    }
    this.#wrapping?.update(bytes);
    this.#machine?.push(bytes, false);
  }

  #end(piece: Piece): void {
    if (piece.kind !== 'packed') return;
    this.#machine?.push(new Uint8Array(), true);
    this.#put(this.#wrapping?.tail() ?? new Uint8Array());
  }

  #put(bytes: Uint8Array): void {
    this.#outside ||= this.#at + bytes.length > this.#host.sizeBytes;
    if (this.#outside) return;
    if (!this.#replaying) this.#host.writeNew(this.#at, bytes);
    this.#at += bytes.length;
    this.#written += bytes.length;
  }
}
