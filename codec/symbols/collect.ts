import { identityOf } from './spread.ts';
import { blockOf, bytesOf, Coefficients, type Layout, layoutOf } from './fountain.ts';
import { locateWrong, solveBlock, SURPLUS_TO_LOCATE, type Symbols } from './solve.ts';

export type CollectFault =
  /** Symbols of a block disagree: one of them at least is wrong. */
  | 'symbols-disagree'
  /** Too many of a block's symbols were wrong; it is collected again from nothing. */
  | 'block-forgotten'
  /** Every block is solved and the bytes are not the object. */
  | 'hash-mismatch';

/** `fault` means: something was wrong, it is counted in `faults`, and collecting goes on. */
export type CollectResult = 'enough' | 'not-yet' | 'fault';

export interface Progress {
  /** Independent symbols in hand, at most `needed`: blocks that are not solved yet count what they hold. */
  readonly rank: number;
  readonly needed: number;
  readonly groupsUsed: number;
  /** Symbols received for blocks that did not need them any more. */
  readonly surplus: number;
  readonly blocksSolved: number;
  readonly blocks: number;
}

/** Attempts on a large block cost 0.1 s, so they wait until they succeed three times in four; overhead 0.05 %. */
const LARGE_BLOCK_UNITS = 512;
const LARGE_BLOCK_STEP = 2;
const GROUP_SYMBOLS_MAX = 4;
/** Room that a block begins with. */
const BLOCK_SYMBOLS_FIRST = 64;

/** Symbols of one block, as they came. */
class BlockStore implements Symbols {
  tags = new Uint32Array(BLOCK_SYMBOLS_FIRST);
  values = new Uint16Array(BLOCK_SYMBOLS_FIRST);
  count = 0;
  /** The count at which solving is tried next. */
  tryAt: number;
  units: Uint16Array | undefined;
  /** The block was part of something wrong: it is believed again only with its surplus looked at. */
  suspicious = false;
  readonly #most: number;

  /** Holds at most `most` symbols; more are left out. */
  constructor(tryAt: number, most: number) {
    this.tryAt = tryAt;
    this.#most = most;
  }

  add(tag: number, value: number): void {
    if (this.count === this.#most) return;
    if (this.count === this.tags.length) {
      const length = Math.min(this.count * 2, this.#most);
      const tags = new Uint32Array(length);
      tags.set(this.tags);
      this.tags = tags;
      const values = new Uint16Array(length);
      values.set(this.values);
      this.values = values;
    }
    this.tags[this.count] = tag;
    this.values[this.count++] = value;
  }

  /** Keeps the first of symbols that came twice (a recording played again). */
  dropRepeated(): void {
    const seen = new Set<number>();
    this.keep((i) => {
      const tag = this.tags[i];
      if (seen.has(tag)) return false;
      seen.add(tag);
      return true;
    });
  }

  keep(wanted: (index: number) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      if (!wanted(i)) continue;
      this.tags[kept] = this.tags[i];
      this.values[kept++] = this.values[i];
    }
    this.count = kept;
  }
}

/** Tells whether bytes are the object that was meant. */
export type Matches = (bytes: Uint8Array) => boolean;

/**
 * Collects the symbols of one object until it is whole. Keeps every symbol until then, so that wrong ones can be found:
 * memory is at most 6 bytes a symbol, K + 36 symbols a block, and 2 bytes a unit of a solved block (four times the object),
 * plus 2 MB (4 MB) while a block is solved (searched).
 */
export class ObjectCollector {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly layout: Layout;
  readonly faults: Record<CollectFault, number> = { 'symbols-disagree': 0, 'block-forgotten': 0, 'hash-mismatch': 0 };
  readonly #coefficients: Coefficients;
  readonly #matches: Matches;
  readonly #step: number;
  #blocks: BlockStore[] = [];
  #blocksSolved = 0;
  #groupsUsed = 0;
  #surplus = 0;
  #bytes: Uint8Array | undefined;

  /** `matches` replaces the comparison of the SHA-256 with the identity (a directory has its own check). */
  constructor(identity: Uint8Array, sizeBytes: number, matches?: Matches) {
    this.layout = layoutOf(sizeBytes);
    this.identity = identity.slice();
    this.sizeBytes = sizeBytes;
    this.#coefficients = new Coefficients(this.identity, this.layout.blockUnits);
    this.#matches = matches ?? ((bytes) => identityOf(bytes).every((byte, i) => byte === this.identity[i]));
    this.#step = this.layout.blockUnits >= LARGE_BLOCK_UNITS ? LARGE_BLOCK_STEP : 1;
    this.#blocks = Array.from({ length: this.layout.blocks }, () => this.#newBlock());
  }

  /** Symbols of one group in order; a lost one is negative. Repetitions of a group are harmless. */
  addGroup(stream: number, counter: number, words: readonly number[]): CollectResult {
    if (this.#bytes !== undefined) {
      this.#surplus += words.length;
      return 'enough';
    }
    this.#groupsUsed++;
    const b = blockOf(stream, counter, this.layout.blocks);
    const block = this.#blocks[b];
    for (let place = 0; place < words.length && place < GROUP_SYMBOLS_MAX; place++) {
      if (words[place] < 0) continue;
      if (block.count >= this.layout.blockUnits + SURPLUS_TO_LOCATE && block.units !== undefined) this.#surplus++;
      else block.add(((stream << 26) | (counter << 2) | place) >>> 0, words[place]);
    }
    if (block.count < block.tryAt || block.units !== undefined) return 'not-yet';
    block.dropRepeated();
    if (block.count < block.tryAt) return 'not-yet';
    return this.#solve(b, block);
  }

  progress(): Progress {
    const { blocks, blockUnits } = this.layout;
    const needed = blocks * blockUnits;
    let rank = 0;
    for (const block of this.#blocks) {
      rank += block.units === undefined ? Math.min(block.count, blockUnits) : blockUnits;
    }
    return {
      rank: this.#bytes === undefined ? Math.min(rank, needed) : needed,
      needed,
      groupsUsed: this.#groupsUsed,
      surplus: this.#surplus,
      blocksSolved: this.#blocksSolved,
      blocks,
    };
  }

  /** The object, once `addGroup` said 'enough'. */
  bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** Symbols held, repetitions included. */
  get symbolsHeld(): number {
    return this.#blocks.reduce((sum, block) => sum + block.count, 0);
  }

  /**
   * Every symbol held, for a log that is written anew: calls `take(stream, counter, place in its group, value)`. One turn of
   * the generator for each block, so that whoever copies them need not hold them all.
   */
  *eachSymbol(take: (stream: number, counter: number, place: number, value: number) => void): Generator<void> {
    for (const { tags, values, count } of this.#blocks) {
      for (let i = 0; i < count; i++) take(tags[i] >>> 26, (tags[i] >>> 2) & 0xff_ffff, tags[i] & 3, values[i]);
      yield;
    }
  }

  #solve(b: number, block: BlockStore): CollectResult {
    const { blockUnits } = this.layout;
    const wasSuspicious = block.suspicious;
    if (wasSuspicious) {
      block.count = Math.min(block.count, blockUnits + SURPLUS_TO_LOCATE);
      const suspects = locateWrong(block, this.#coefficients, blockUnits, b);
      if (suspects.kind !== 'located') return this.#forget(b);
      const wrong = new Set(suspects.indices);
      block.keep((i) => !wrong.has(i));
    }
    const solution = solveBlock(block, this.#coefficients, blockUnits, b);
    switch (solution.kind) {
      case 'short':
        // Honest symbols do this once in 2^32. Somebody may choose counters whose symbols never complete the block, and each
        // attempt costs as much as the last: without an end, that is all this device would do.
        if (block.count >= blockUnits + SURPLUS_TO_LOCATE) return this.#forget(b);
        block.tryAt = block.count + this.#step;
        return 'not-yet';
      case 'contradiction':
        if (wasSuspicious) return this.#forget(b);
        this.faults['symbols-disagree']++;
        this.#suspect(block);
        return 'fault';
      case 'solved':
        block.units = solution.units;
        block.suspicious = false;
        this.#blocksSolved++;
        return this.#blocksSolved === this.layout.blocks ? this.#finish() : 'not-yet';
    }
    return solution satisfies never;
  }

  #finish(): CollectResult {
    const { blocks, blockUnits } = this.layout;
    const units = new Uint16Array(blocks * blockUnits);
    for (const [b, block] of this.#blocks.entries()) {
      if (block.units !== undefined) units.set(block.units, b * blockUnits);
    }
    const bytes = bytesOf(units, this.sizeBytes);
    if (this.#matches(bytes)) {
      this.#bytes = bytes;
      this.#blocks = [];
      return 'enough';
    }
    // Which block is wrong is unknown, so each has to show its surplus. When they have and it is still wrong, start anew.
    this.faults['hash-mismatch']++;
    this.#blocksSolved = 0;
    if (this.faults['hash-mismatch'] % 2 === 0) this.#blocks = this.#blocks.map(() => this.#newBlock());
    else for (const block of this.#blocks) this.#suspect(block);
    return 'fault';
  }

  #suspect(block: BlockStore): void {
    block.units = undefined;
    block.suspicious = true;
    block.tryAt = this.layout.blockUnits + SURPLUS_TO_LOCATE;
  }

  #forget(b: number): CollectResult {
    this.faults['block-forgotten']++;
    this.#blocks[b] = this.#newBlock();
    return 'fault';
  }

  #newBlock(): BlockStore {
    const { blockUnits } = this.layout;
    // At K + 32 a block is solved, searched or forgotten; the group that brings it there may bring a few more.
    const most = blockUnits + SURPLUS_TO_LOCATE + GROUP_SYMBOLS_MAX;
    return new BlockStore(blockUnits + (this.#step > 1 ? this.#step : 0), Math.max(most, BLOCK_SYMBOLS_FIRST));
  }
}
