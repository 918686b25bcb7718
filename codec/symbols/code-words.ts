/** Objects as Reed-Solomon code words, interleaved and sent round and round (air-interface.md section 6). */

import { bytesEqual } from '../bytes.ts';
import {
  type Collector,
  type CollectFaults,
  type KeptCounts,
  type KeptSymbols,
  noFaults,
  type Progress,
} from './collect.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { scramble, unscrambled } from './scramble.ts';
import { identityOf, type Spreader } from './spread.ts';

const DATA_BYTES_MAX = 191;
const CHECK_BYTES = 64;
/** Bytes of a piece. */
const PIECE_A = 4;
const PIECE_C = 6;
/** How sure a byte can be that came again and again. */
const VOTES_MAX = 100;
/** Of the coded object in one entry of a log. */
const CELL_BYTES = 4;
const KEPT_CELLS = 128;

/** Layout of an object of `sizeBytes`. */
interface Interleaving {
  /** W */
  readonly words: number;
  /** D */
  readonly dataBytes: number;
  readonly codedBytes: number;
}

function interleavingOf(sizeBytes: number): Interleaving {
  const words = Math.ceil(sizeBytes / DATA_BYTES_MAX);
  const dataBytes = Math.ceil(sizeBytes / words);
  return { words, dataBytes, codedBytes: words * (dataBytes + CHECK_BYTES) };
}

function primeFrom(least: number): number {
  for (let n = Math.max(2, least); ; n++) {
    let divisor = 2;
    while (divisor * divisor <= n && n % divisor !== 0) divisor++;
    if (divisor * divisor > n) return n;
  }
}

/** Tells which bytes of the coded object a group carries. */
class Pieces {
  readonly bytes: number;
  readonly #count: number;
  readonly #prime: number;

  constructor(codedBytes: number, bytes: number) {
    this.bytes = bytes;
    this.#count = Math.ceil(codedBytes / bytes);
    this.#prime = primeFrom(this.#count);
  }

  /** Offset of the first one. */
  at(stream: number, counter: number): number {
    const piece = (counter + stream * Math.ceil(this.#prime / 4)) % this.#prime;
    return (piece % this.#count) * this.bytes;
  }
}

/** Memory: four thirds of the object. */
export class CodeWordSpreader implements Spreader {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly #coded: Uint8Array;
  readonly #piecesA: Pieces;
  readonly #piecesC: Pieces;

  constructor(bytes: Uint8Array) {
    this.identity = identityOf(bytes);
    this.sizeBytes = bytes.length;
    const { words, dataBytes, codedBytes } = interleavingOf(bytes.length);
    const coded = new Uint8Array(codedBytes);
    coded.set(bytes);
    const code = new ReedSolomon(CHECK_BYTES);
    const data = new Uint8Array(dataBytes);
    for (let v = 0; v < words; v++) {
      for (let j = 0; j < dataBytes; j++) data[j] = coded[j * words + v];
      for (const [j, byte] of code.encode(data).entries()) coded[(dataBytes + j) * words + v] = byte;
    }
    this.#coded = coded;
    this.#piecesA = new Pieces(codedBytes, PIECE_A);
    this.#piecesC = new Pieces(codedBytes, PIECE_C);
  }

  payload(stream: number, counter: number): number[] {
    const pieces = stream === 0 ? this.#piecesA : this.#piecesC;
    const at = pieces.at(stream, counter);
    const words = stream === 0 ? [] : [0];
    for (let i = 0; i < pieces.bytes; i += 2)
      words.push(((this.#coded[at + i] ?? 0) << 8) | (this.#coded[at + i + 1] ?? 0));
    scramble(stream, counter, words);
    return words;
  }
}

/** Memory: 3.7 times the object, and once more in `bytes`. Each code word is corrected as soon as it can be, in about 30 us; no matrix is needed. */
export class CodeWordCollector implements Collector {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly faults: CollectFaults = noFaults();
  readonly #interleaving: Interleaving;
  readonly #code = new ReedSolomon(CHECK_BYTES);
  readonly #piecesA: Pieces;
  readonly #piecesC: Pieces;
  readonly #coded: Uint8Array;
  /** Of each byte: how much more often it came as it is than otherwise (Boyer and Moore's majority vote). 0 = not known. */
  readonly #votes: Uint8Array;
  /** Bytes known of each code word. */
  readonly #known: Uint16Array;
  readonly #isDone: Uint8Array;
  readonly #object: Uint8Array;
  readonly #word: Uint8Array;
  readonly #words: number[] = [];
  #done = 0;
  /** Cells with a known byte. */
  #cells = 0;
  #groupsUsed = 0;
  #surplus = 0;
  /** Groups used at which everything is corrected anew, after a wrong hash. */
  #againAt = 0;
  #isComplete = false;

  constructor(identity: Uint8Array, sizeBytes: number) {
    this.identity = identity.slice();
    this.sizeBytes = sizeBytes;
    const interleaving = interleavingOf(sizeBytes);
    const { words, dataBytes, codedBytes } = interleaving;
    this.#interleaving = interleaving;
    this.#piecesA = new Pieces(codedBytes, PIECE_A);
    this.#piecesC = new Pieces(codedBytes, PIECE_C);
    this.#coded = new Uint8Array(codedBytes);
    this.#votes = new Uint8Array(codedBytes);
    this.#known = new Uint16Array(words);
    this.#isDone = new Uint8Array(words);
    this.#object = new Uint8Array(words * dataBytes);
    this.#word = new Uint8Array(dataBytes + CHECK_BYTES);
  }

  addGroup(stream: number, counter: number, received: readonly number[]): boolean {
    if (this.#isComplete) {
      this.#surplus++;
      return true;
    }
    this.#groupsUsed++;
    const words = this.#words;
    unscrambled(stream, counter, received, words);
    const pieces = stream === 0 ? this.#piecesA : this.#piecesC;
    const at = pieces.at(stream, counter);
    const first = words.length - pieces.bytes / 2;
    for (let i = 0; i < pieces.bytes; i++) {
      const word = words[first + (i >> 1)];
      if (word >= 0) this.#take(at + i, (i & 1) === 0 ? word >> 8 : word & 0xff);
    }
    return this.#review();
  }

  progress(): Progress {
    const { words, dataBytes } = this.#interleaving;
    let rank = 0;
    for (let v = 0; v < words; v++) rank += this.#isDone[v] === 1 ? dataBytes : Math.min(dataBytes, this.#known[v]);
    return {
      rank,
      needed: words * dataBytes,
      groupsUsed: this.#groupsUsed,
      surplus: this.#surplus,
      blocksSolved: this.#done,
      blocks: words,
    };
  }

  bytes(): Uint8Array | undefined {
    return this.#isComplete ? this.#object.slice(0, this.sizeBytes) : undefined;
  }

  *kept(): Generator<KeptSymbols> {
    const cells: number[] = [];
    const total = Math.ceil(this.#coded.length / CELL_BYTES);
    for (let cell = 0; cell < total; cell++) {
      if (this.#maskOf(cell) !== 0) cells.push(cell);
      if (cells.length === 0 || (cells.length < KEPT_CELLS && cell < total - 1)) continue;
      yield {
        kind: 'symbols',
        block: 0,
        isPartial: true,
        tags: Uint32Array.from(cells),
        low: Uint32Array.from(cells, (kept) => this.#valueOf(kept)),
        high: new Uint32Array(),
        masks: Uint16Array.from(cells, (kept) => this.#maskOf(kept)),
      };
      cells.length = 0;
    }
  }

  keptCounts(): KeptCounts {
    return { pieces: Math.ceil(this.#cells / KEPT_CELLS), words: 2 * this.#cells, masks: this.#cells };
  }

  restore(kept: KeptSymbols): boolean {
    if (kept.kind !== 'symbols' || this.#isComplete) return this.#isComplete;
    for (const [i, cell] of kept.tags.entries()) {
      for (let b = 0; b < CELL_BYTES; b++)
        if (((kept.masks[i] >> b) & 1) !== 0) this.#take(cell * CELL_BYTES + b, (kept.low[i] >>> (8 * b)) & 0xff);
    }
    return this.#review();
  }

  #maskOf(cell: number): number {
    let mask = 0;
    for (let b = 0; b < CELL_BYTES; b++) if ((this.#votes[cell * CELL_BYTES + b] ?? 0) > 0) mask |= 1 << b;
    return mask;
  }

  #valueOf(cell: number): number {
    let value = 0;
    for (let b = 0; b < CELL_BYTES; b++) value |= (this.#coded[cell * CELL_BYTES + b] ?? 0) << (8 * b);
    return value >>> 0;
  }

  #take(q: number, byte: number): void {
    if (q >= this.#coded.length) return;
    const { words, dataBytes } = this.#interleaving;
    const v = q % words;
    const votes = this.#votes[q];
    if (votes === 0) {
      if (this.#maskOf(Math.floor(q / CELL_BYTES)) === 0) this.#cells++;
      this.#coded[q] = byte;
      this.#votes[q] = 1;
      this.#known[v]++;
    } else if (this.#coded[q] === byte) {
      this.#votes[q] = Math.min(VOTES_MAX, votes + 1);
      return;
    } else {
      this.#votes[q] = votes - 1;
      this.faults['symbols-disagree']++;
      if (votes > 1) return;
      this.#known[v]--;
      if (this.#maskOf(Math.floor(q / CELL_BYTES)) === 0) this.#cells--;
    }
    // Only now the word is another one than when it was tried last.
    if (this.#isDone[v] === 0 && this.#known[v] >= dataBytes) this.#correct(v);
  }

  #correct(v: number): void {
    const { words, dataBytes } = this.#interleaving;
    const word = this.#word;
    const erasures: number[] = [];
    for (let j = 0; j < word.length; j++) {
      const q = j * words + v;
      word[j] = this.#coded[q];
      if (this.#votes[q] === 0) erasures.push(j);
    }
    const decoded = this.#code.decode(word, erasures);
    if (decoded.kind === 'uncorrectable') return;
    this.faults['symbols-wrong'] += decoded.errors;
    for (let j = 0; j < dataBytes; j++) this.#object[j * words + v] = word[j];
    this.#isDone[v] = 1;
    this.#done++;
  }

  #review(): boolean {
    const { words } = this.#interleaving;
    if (this.#done < words || this.#groupsUsed < this.#againAt) return false;
    if (this.#againAt > 0) {
      // More bytes are known now: what was corrected with few may have been wrong.
      this.#done = 0;
      this.#isDone.fill(0);
      for (let v = 0; v < words; v++) if (this.#known[v] >= this.#interleaving.dataBytes) this.#correct(v);
      this.#againAt = 0;
      if (this.#done < words) return false;
    }
    const identity = identityOf(this.#object.subarray(0, this.sizeBytes));
    this.#isComplete = bytesEqual(identity, this.identity);
    if (!this.#isComplete) {
      this.faults['hash-mismatch']++;
      this.#againAt = this.#groupsUsed + Math.ceil(this.#coded.length / PIECE_C / 16);
    }
    return this.#isComplete;
  }
}
