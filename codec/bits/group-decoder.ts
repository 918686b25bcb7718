/**
 * The four blocks of a group from soft channel symbols. Neighbouring blocks share a symbol, the last of one being the first
 * of the next, so what one block says about it serves the other: forwards always, backwards where a block is in doubt (exact
 * on this chain). Whether there is a signal at all is a second chain: it may come and go between blocks.
 */

import { BLOCK_BITS, type OffsetName } from '../groups/block.ts';
import type { StreamNumber } from '../groups/group.ts';
import { HeaderMemory } from './header-memory.ts';
import { offsetOfBlock3 } from './serialise.ts';
import { BlockDecoder, emptySoftBlock, LLR_LIMIT, type SoftBlock } from './soft-block.ts';

/**
 * A block is accepted when it is right with this probability: less where hardly a block is in doubt, more where many are, so
 * that of those accepted at Eb/N0 = 3 dB and above fewer than one in 1000 is wrong, and as many as possible are accepted.
 */
const ACCEPTED_LEAST = 0.85;
const ACCEPTED_MOST = 0.945;
const ACCEPTED_BY_DOUBT = 20;
/** Mean of 1 - probability over the blocks of about so many groups; at 4, 3 and 2 dB it is 0.001, 0.005 and 0.02. */
const DOUBT_GROUPS = 64;
const DOUBT_AT_FIRST = 0.005;
/** Probability that a signal is gone, or there again, from one block to the next. */
const LEAVES = 0.005;
const ENTERS = 0.005;
/** Above, there was a signal in the last block of a group. */
export const PRESENT = 0.9;
/** When a place for groups has just been found. */
const PRESENT_AT_FIRST = 0.95;
/**
 * Least evidence for a block that is known beforehand as a whole: the memory alone makes no block. A signal at 2 dB gives three
 * times as much.
 */
const KNOWN_EVIDENCE = 5;
const ALL_KNOWN = 0xffff;
/** Chance that an encoder sends the other offset word in block 3 than block 2 says. */
const OTHER_OFFSET = 0.001;
/** The same when block 2 says nothing: version B is the rarer one. */
const NO_IDEA = 0.3;
const LIKELY = 0.5;

export class GroupDecoder {
  readonly blocks: readonly SoftBlock[] = [emptySoftBlock(), emptySoftBlock(), emptySoftBlock(), emptySoftBlock()];
  /** Probability that each block is right: that there is a signal, and that the word is the one sent. */
  readonly reliability = new Float64Array(4);
  /** Symbols of each block, the first left out, that were received with the wrong sign. */
  readonly turned = new Int32Array(4);
  /** The probability from which on a block is accepted. */
  get accepted(): number {
    return Math.min(ACCEPTED_MOST, ACCEPTED_LEAST + ACCEPTED_BY_DOUBT * this.#doubt);
  }

  /** Probability of a signal in the last block. */
  present = PRESENT_AT_FIRST;
  readonly #stream: StreamNumber;
  readonly #symbols: Float32Array;
  readonly #mask: number;
  readonly #decoder = new BlockDecoder();
  readonly #memory: HeaderMemory;
  readonly #offsets: OffsetName[] = ['A', 'B', 'C', 'D'];
  #offsetProbability = 1;
  #doubt = DOUBT_AT_FIRST;
  readonly #fromLeft = new Float64Array(4);
  readonly #forward = new Float64Array(4);
  /** What the group before said about the symbol that it shares with this one, and where that is. */
  #sharedAt = -1;
  #shared = 0;

  /** `symbols` is a ring whose length is a power of two. */
  constructor(stream: StreamNumber, symbols: Float32Array) {
    this.#stream = stream;
    this.#symbols = symbols;
    this.#mask = symbols.length - 1;
    this.#memory = new HeaderMemory(stream);
  }

  /** A place for groups was found anew. */
  restart(): void {
    this.present = PRESENT_AT_FIRST;
    this.#sharedAt = -1;
  }

  /** Decodes the group whose first bit is `start`: its symbols are start-1 .. start+103. */
  decode(start: number): void {
    const first = start - 1;
    let fromLeft = this.#sharedAt === first ? this.#shared : this.#at(first);
    for (let block = 0; block < 4; block++) {
      this.#fromLeft[block] = fromLeft;
      const right = first + BLOCK_BITS * (block + 1);
      this.#decodeBlock(block, first + BLOCK_BITS * block, fromLeft, this.#at(right));
      fromLeft = this.blocks[block].last;
    }
    this.#sharedAt = first + 4 * BLOCK_BITS;
    this.#shared = fromLeft;
    const { accepted } = this;
    if (this.blocks.some(({ probability }) => probability < accepted)) this.#decodeBackwards(first);
    this.#weighPresence();
    for (let block = 0; block < 4; block++) {
      const { word, probability, symbols27, evidence } = this.blocks[block];
      const known = this.#memory.known(block);
      const isMadeUp = evidence < KNOWN_EVIDENCE && known?.mask === ALL_KNOWN && known.value === word;
      this.reliability[block] *= isMadeUp ? 0 : probability;
      this.turned[block] = this.#countTurned(first + BLOCK_BITS * block, symbols27);
    }
  }

  /**
   * What the group just decoded teaches; kept apart, because a group may be read without being believed. True when another PI
   * is believed now.
   */
  learn(): boolean {
    if (this.present > PRESENT) {
      const doubt = this.blocks.reduce((sum, { probability }) => sum + (1 - probability) / 4, 0);
      this.#doubt += (doubt - this.#doubt) / DOUBT_GROUPS;
    }
    let isAnotherStation = false;
    for (let block = 0; block < 4; block++) {
      const { word, alone } = this.blocks[block];
      const hasChanged = this.#memory.learn(block, word, Math.min(alone, this.reliability[block]));
      if (hasChanged && block === 0 && this.#stream === 0) isAnotherStation = true;
    }
    return isAnotherStation;
  }

  #at(symbol: number): number {
    return this.#symbols[symbol & this.#mask];
  }

  #decodeBlock(block: number, from: number, first: number, last: number): void {
    this.#decoder.load(this.#symbols, from, this.#mask, first, last);
    if (block === 2) this.#chooseOffsetOfBlock3();
    this.#decoder.decode(this.#offsets[block], this.#memory.known(block), this.blocks[block]);
    if (block === 2) this.blocks[2].probability *= this.#offsetProbability;
  }

  /** What block 2 says about it, unless the block itself strongly says otherwise; and how probable that is. */
  #chooseOffsetOfBlock3(): void {
    const [one, two] = this.blocks;
    const word1 = one.probability > LIKELY ? one.word : 1;
    const expected = two.probability > LIKELY ? offsetOfBlock3(this.#stream, word1, two.word) : 'C';
    const other = expected === 'C' ? "C'" : 'C';
    this.#offsets[2] = expected;
    this.#offsetProbability = 1;
    if (this.#decoder.isPlain(expected)) return;
    const doubt = two.probability > LIKELY ? Math.max(OTHER_OFFSET, 1 - two.probability) : NO_IDEA;
    const advantage = this.#decoder.evidenceOf(other) - this.#decoder.evidenceOf(expected);
    const otherOdds = (doubt / (1 - doubt)) * Math.exp(advantage);
    if (otherOdds > 1) this.#offsets[2] = other;
    this.#offsetProbability = Math.max(otherOdds, 1) / (1 + otherOdds);
  }

  #decodeBackwards(first: number): void {
    let fromRight = this.#at(first + 4 * BLOCK_BITS);
    for (let block = 3; block >= 0; block--) {
      const left = first + BLOCK_BITS * block;
      const fromLeft = this.#fromLeft[block];
      this.#decodeBlock(block, left, fromLeft, fromRight);
      // Without what the left block had already said about it, as far as that was taken.
      const taken = Math.max(-LLR_LIMIT, Math.min(LLR_LIMIT, fromLeft));
      fromRight = this.blocks[block].first - taken + this.#at(left);
    }
  }

  /** Forward and backward probabilities of a signal; fills `reliability` with the probability for each block. */
  #weighPresence(): void {
    let present = this.present;
    for (let block = 0; block < 4; block++) {
      present = present * (1 - LEAVES) + (1 - present) * ENTERS;
      const odds = (present / (1 - present)) * Math.exp(this.blocks[block].evidence);
      present = odds / (1 + odds);
      if (!(present < 1 - 1e-9)) present = 1 - 1e-9;
      if (present < 1e-9) present = 1e-9;
      this.#forward[block] = present;
    }
    this.present = present;
    // Likelihood of all that follows a block, with a signal relative to without.
    let after = 1;
    for (let block = 3; block >= 0; block--) {
      const odds = (this.#forward[block] / (1 - this.#forward[block])) * after;
      this.reliability[block] = odds / (1 + odds);
      const weighted = after * Math.exp(this.blocks[block].evidence);
      after = ((1 - LEAVES) * weighted + LEAVES) / (ENTERS * weighted + (1 - ENTERS));
    }
  }

  #countTurned(first: number, symbols27: number): number {
    let turned = 0;
    for (let k = 1; k <= BLOCK_BITS; k++) {
      const sent = (symbols27 >>> (BLOCK_BITS - k)) & 1;
      if (this.#at(first + k) < 0 !== (sent === 1)) turned++;
    }
    return turned;
  }
}
