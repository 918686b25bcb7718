import { bytesEqual } from '../bytes.ts';
import { BlockCollector, type BlockFault, type Matrices } from './block.ts';
import { Equations } from './equations.ts';
import { firstBlockOf, firstColumnOf, type Layout, layoutOf, payloadNibbles, putRows, type Width } from './layout.ts';
import { unscrambled } from './scramble.ts';
import { identityOf } from './spread.ts';

export type CollectFault =
  | BlockFault
  /** Everything is there and the bytes are not the object. */
  | 'hash-mismatch';

export type CollectFaults = Record<CollectFault, number>;

export interface Progress {
  /** Rows known or as good as known, at most `needed`. */
  readonly rank: number;
  readonly needed: number;
  readonly groupsUsed: number;
  /** Groups received when all was complete. */
  readonly surplus: number;
  readonly blocksSolved: number;
  readonly blocks: number;
}

/** Symbols and solved blocks as they are kept in a log. */
export type KeptSymbols =
  | {
      readonly kind: 'symbols';
      readonly block: number;
      readonly isPartial: boolean;
      readonly tags: Uint32Array;
      readonly low: Uint32Array;
      /** Empty where values have one word. */
      readonly high: Uint32Array;
      /** Empty where symbols are whole. */
      readonly masks: Uint16Array;
    }
  /** Rows of a solved block from `firstRow` on. */
  | { readonly kind: 'rows'; readonly block: number; readonly firstRow: number; readonly values: Uint32Array };

/** How much `kept` gives: all its arrays together. */
export interface KeptCounts {
  readonly pieces: number;
  /** 32-bit words: tags, values, rows. */
  readonly words: number;
  /** 16-bit words. */
  readonly masks: number;
}

/** An object on the receiving side, whatever its scheme. */
export interface Collector {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly faults: CollectFaults;
  /** The payload of one group as it was received, lost words negative. Repetitions of a group are harmless. True = complete. */
  addGroup(stream: number, counter: number, words: readonly number[]): boolean;
  progress(): Progress;
  /** The object, once it is complete. */
  bytes(): Uint8Array | undefined;
  /** All that is held, for a log that is written anew, in pieces of at most some kB; what comes in between may be missing. */
  kept(): Generator<KeptSymbols>;
  keptCounts(): KeptCounts;
  /** Takes back what `kept` gave. True = complete. */
  restore(kept: KeptSymbols): boolean;
  /** What became certain since the last call and took long to compute, in pieces like those of `kept`. */
  newlyCertain?(): Generator<KeptSymbols>;
}

/** Tells whether bytes are the object that was meant. */
export type Matches = (bytes: Uint8Array) => boolean;

const MATRICES_MAX = 2;
/** In one piece for a log. */
const KEPT_SYMBOLS = 128;
const KEPT_ROWS = 256;

export function noFaults(): CollectFaults {
  return {
    'symbols-disagree': 0,
    'symbols-wrong': 0,
    'symbols-of-a-spell': 0,
    'symbols-forgotten': 0,
    'partial-symbols-forgotten': 0,
    'hash-mismatch': 0,
  };
}

/**
 * Collects the symbols of one object until it is whole. Memory: at most 12 bytes a symbol of K + 14 a block (twice as many while wrong
 * ones are among them) and five quarters of the object for what is solved; two matrices of 2 MB, and one of 4 MB while wrong ones
 * are looked for. Where symbols carry only some of the columns, a matrix of 4 to 11 MB while a block is being solved, and one of a column beside it.
 */
export class ObjectCollector implements Collector {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly layout: Layout;
  readonly faults: CollectFaults = noFaults();
  readonly #matches: Matches;
  readonly #matrices: Matrices = { open: 0, most: MATRICES_MAX };
  readonly #nibbles = new Int8Array(13);
  readonly #words: number[] = [];
  #blocks: BlockCollector[];
  #blocksSolved = 0;
  #groupsUsed = 0;
  #surplus = 0;
  /** Everything is there and is not the object. */
  #isMismatched = false;
  #bytes: Uint8Array | undefined;
  /** Blocks whose rows are in the log. */
  readonly #toldCertain = new Set<number>();
  readonly #restoring = new Map<number, { readonly values: Uint32Array; rows: number }>();

  /** `matches` replaces the comparison of the SHA-256 with the identity (a directory has its own check). */
  constructor(identity: Uint8Array, sizeBytes: number, width: Width, matches?: Matches) {
    const layout = layoutOf(sizeBytes, width);
    this.layout = layout;
    this.identity = identity.slice();
    this.sizeBytes = sizeBytes;
    const equations = new Equations(this.identity, layout);
    this.#matches = matches ?? ((bytes) => bytesEqual(identityOf(bytes), this.identity));
    this.#blocks = Array.from(
      { length: layout.blocks },
      () => new BlockCollector(equations, this.#matrices, this.faults),
    );
  }

  addGroup(stream: number, counter: number, words: readonly number[]): boolean {
    if (this.#bytes !== undefined) {
      this.#surplus++;
      return true;
    }
    this.#groupsUsed++;
    this.#takeNibbles(stream, counter, words);
    const { width, blocks } = this.layout;
    const total = payloadNibbles(stream);
    const first = firstBlockOf(stream, counter, blocks);
    for (let at = 0, j = 0; at < total; at += width, j++) {
      const tag = ((stream << 28) | (counter << 4) | j) >>> 0;
      const count = Math.min(width, total - at);
      if (this.#addSymbol(this.#blocks[(first + j) % blocks], tag, counter, at, count)) this.#review();
      else if (this.#isMismatched) this.#doubtWhenProven();
      if (this.#bytes !== undefined) return true;
    }
    return false;
  }

  progress(): Progress {
    const { blocks, rows } = this.layout;
    const needed = blocks * rows;
    let rank = needed;
    if (this.#bytes === undefined) {
      rank = 0;
      for (const block of this.#blocks) rank += block.rank;
    }
    return {
      rank,
      needed,
      groupsUsed: this.#groupsUsed,
      surplus: this.#surplus,
      blocksSolved: this.#blocksSolved,
      blocks,
    };
  }

  bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  *kept(): Generator<KeptSymbols> {
    for (const [index, block] of this.#blocks.entries()) {
      const { solution, hasRowsOnly } = block;
      if (hasRowsOnly && solution !== undefined) {
        yield* this.#rowsOf(index, solution);
        continue;
      }
      // Copied at once: symbols may come between two pieces.
      for (const { isPartial, tags, low, high, masks } of [block.full.copy(), block.partial.copy()]) {
        for (let from = 0; from < tags.length; from += KEPT_SYMBOLS) {
          const to = from + KEPT_SYMBOLS;
          yield {
            kind: 'symbols',
            block: index,
            isPartial,
            tags: tags.subarray(from, to),
            low: low.subarray(from, to),
            high: high.subarray(from, to),
            masks: masks.subarray(from, to),
          };
        }
      }
    }
  }

  keptCounts(): KeptCounts {
    const { rows, valueWords } = this.layout;
    let pieces = 0;
    let words = 0;
    let masks = 0;
    for (const { hasRowsOnly, full, partial } of this.#blocks) {
      if (hasRowsOnly) {
        pieces += Math.ceil(rows / KEPT_ROWS);
        words += rows * valueWords;
        continue;
      }
      pieces += Math.ceil(full.count / KEPT_SYMBOLS) + Math.ceil(partial.count / KEPT_SYMBOLS);
      words += (full.count + partial.count) * (1 + valueWords);
      masks += partial.count;
    }
    return { pieces, words, masks };
  }

  *newlyCertain(): Generator<KeptSymbols> {
    if (this.#toldCertain.size >= this.#blocksSolved) return;
    for (const [index, block] of this.#blocks.entries()) {
      const { solution, isProven } = block;
      if (!isProven || solution === undefined || this.#toldCertain.has(index)) continue;
      this.#toldCertain.add(index);
      yield* this.#rowsOf(index, solution);
    }
  }

  *#rowsOf(block: number, solution: Uint32Array): Generator<KeptSymbols> {
    const { rows, valueWords } = this.layout;
    for (let firstRow = 0; firstRow < rows; firstRow += KEPT_ROWS) {
      const values = solution.slice(firstRow * valueWords, (firstRow + KEPT_ROWS) * valueWords);
      yield { kind: 'rows', block, firstRow, values };
    }
  }

  restore(kept: KeptSymbols): boolean {
    const block = this.#blocks[kept.block];
    if (this.#bytes !== undefined || block === undefined) return this.#bytes !== undefined;
    if (kept.kind === 'rows') {
      this.#restoreRows(kept.block, kept.firstRow, kept.values);
      return this.#bytes !== undefined;
    }
    const { tags, low, high, masks, isPartial } = kept;
    let hasChanged = false;
    for (let i = 0; i < tags.length; i++) {
      const changed = isPartial
        ? block.addPartial(tags[i], low[i], high[i] ?? 0, masks[i])
        : block.add(tags[i], low[i], high[i] ?? 0);
      hasChanged ||= changed;
    }
    if (hasChanged) this.#review();
    return this.#bytes !== undefined;
  }

  #restoreRows(index: number, firstRow: number, values: Uint32Array): void {
    const { rows, valueWords } = this.layout;
    let restoring = this.#restoring.get(index);
    // Of rows that a power cut tore, others may follow from the beginning.
    if (restoring === undefined || firstRow === 0) {
      restoring = { values: new Uint32Array(rows * valueWords), rows: 0 };
      this.#restoring.set(index, restoring);
    }
    if (firstRow !== restoring.rows || firstRow * valueWords + values.length > restoring.values.length) return;
    restoring.values.set(values, firstRow * valueWords);
    restoring.rows += values.length / valueWords;
    if (restoring.rows < rows) return;
    this.#restoring.delete(index);
    this.#blocks[index].restoreSolution(restoring.values);
    this.#toldCertain.add(index);
    this.#review();
  }

  #takeNibbles(stream: number, counter: number, received: readonly number[]): void {
    const words = this.#words;
    unscrambled(stream, counter, received, words);
    const nibbles = this.#nibbles;
    let at = 0;
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      for (let shift = stream !== 0 && i === 0 ? 0 : 12; shift >= 0; shift -= 4)
        nibbles[at++] = word < 0 ? -1 : (word >>> shift) & 15;
    }
  }

  #addSymbol(block: BlockCollector, tag: number, counter: number, at: number, count: number): boolean {
    const { width } = this.layout;
    const nibbles = this.#nibbles;
    const column = count === width ? 0 : firstColumnOf(counter, count, width);
    let low = 0;
    let high = 0;
    let mask = 0;
    for (let i = 0; i < count; i++) {
      const nibble = nibbles[at + i];
      if (nibble < 0) continue;
      const place = width - 1 - ((column + i) % width);
      mask |= 1 << place;
      if (place < 8) low |= nibble << (4 * place);
      else high |= nibble << (4 * (place - 8));
    }
    if (mask === 0) return false;
    if (mask === (1 << width) - 1) return block.add(tag, low >>> 0, high);
    return block.addPartial(tag, low >>> 0, high, mask);
  }

  /** A block got or lost its solution. */
  #review(): void {
    this.#blocksSolved = 0;
    this.#isMismatched = false;
    for (const [index, block] of this.#blocks.entries()) {
      if (block.solution !== undefined) this.#blocksSolved++;
      else this.#toldCertain.delete(index);
    }
    if (this.#blocksSolved < this.layout.blocks) return;
    const bytes = new Uint8Array(this.sizeBytes);
    for (const [index, block] of this.#blocks.entries()) {
      if (block.solution !== undefined) putRows(block.solution, index, this.layout, bytes);
    }
    if (this.#matches(bytes)) {
      this.#bytes = bytes;
      this.#blocks = [];
      return;
    }
    this.faults['hash-mismatch']++;
    this.#isMismatched = true;
    this.#doubtWhenProven();
  }

  /**
   * Which block is wrong shows when more of its symbols come. When all are beyond doubt and it is still not the object, they are doubted
   * all the same: what was collected for days must not go because of one block in 2^14.
   */
  #doubtWhenProven(): void {
    if (this.layout.width > 1) {
      if (this.#blocks.every((block) => block.isProven)) for (const block of this.#blocks) block.doubt();
      return;
    }
    for (const block of this.#blocks) {
      if (block.isProven) block.forget();
      else block.distrust();
    }
    this.#blocksSolved = 0;
    this.#isMismatched = false;
  }
}
