/**
 * Instructions of AArch64 that no segment covers: a word at a time, its highest byte first, so that the operation is known before its operands.
 * Calls and pages are seen as where they lead (DDI 0487, C6.2: BL, ADRP), so that the same function is the same word wherever it is called.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { either32, takeFilled } from './memory';
import { EVEN, squash, stretch, update } from './logistic';
import { mix, train, takeWeights, takeRefinement, refinementAt, refined, refine } from './mixer';
import { codeBit, costKind, KIND_GAPS } from './coder';
import { hash, hash3, bitsOf } from './hash';
import { M } from './module';
import { context, chooseLines, lookAt, learnAt, CONTEXTS, LEAST_GAP } from './misses';
import { followWord } from './match';

const INPUTS: i32 = 20;
/** Weights by byte and operation; behind them those of calls.ts. */
export const CALL_SETS: i32 = 1024;
const SETS: i32 = 1024 + 16;
const SETS2: i32 = 256;
const REFINEMENT_BITS: i32 = 12;
const RATE: i32 = 20;
const RATE2: i32 = 12;
/** Bytes before that are looked at, and how many of their words must be instructions that are common. */
const LOOKED_BYTES: usize = 64;
const INSTRUCTIONS_LEAST: u32 = 13;
/** A bit for each highest byte of a word that is common in code. */
const common: usize = memory.data<u32>([0x4cfe4c00, 0x23f64600, 0x041e4c00, 0x07064c00, 0x0cff0d00, 0x03f72700, 0x047f0d00, 0x07070c00], 16);

const first: usize = memory.data<u8>([46, 28, 38, 41, 38, 26, 28, 33, 49, 51, 49, 49, 38, 46, 23, 41, 61, 46, 0, 0]);
const inputs: usize = memory.data(4 * 20, 16);

let weights: usize = 0;
let weights2: usize = 0;
let refinement: usize = 0;
let refinement2: usize = 0;
/** Of the guess of the match model, by its length, byte and bit. */
let guessed: usize = 0;

export function openWords(): void {
  weights = takeWeights(INPUTS, SETS, first);
  weights2 = takeWeights(INPUTS, SETS2, first);
  refinement = takeRefinement(1 << REFINEMENT_BITS);
  refinement2 = takeRefinement(1 << REFINEMENT_BITS);
  guessed = takeFilled(4 * 64 * 4 * 8, EVEN);
  memory.fill(inputs, 0, 4 * INPUTS);
}

/** The word with its target instead of the distance to it. place: of the word in its file. */
@inline
export function absolute(word: u32, place: u32): u32 {
  if ((word & 0xfc000000) == 0x94000000) return (word & 0xfc000000) | ((word + (place >>> 2)) & 0x03ffffff);
  if ((word & 0x9f000000) == 0x90000000) return paged(word, place >>> 12);
  return word;
}

/** The other way. */
@inline
function relative(word: u32, place: u32): u32 {
  if ((word & 0xfc000000) == 0x94000000) return (word & 0xfc000000) | ((word - (place >>> 2)) & 0x03ffffff);
  if ((word & 0x9f000000) == 0x90000000) return paged(word, 0 - (place >>> 12));
  return word;
}

/** An ADRP with so many pages more. */
@inline
function paged(word: u32, pages: u32): u32 {
  const sum = ((word >>> 29) & 3) + ((word >>> 3) & 0x1ffffc) + pages;
  return (word & 0x9f00001f) | ((sum & 3) << 29) | ((sum & 0x1ffffc) << 3);
}

/** Whether a word at new[n] is coded here: where the words before are instructions. */
export function isWordPlace(n: i64, left: i64, at: usize): bool {
  if (((n - M.newStart) & 3) != 0 || left < 4) return false;
  let instructions: u32 = 0;
  for (let k: usize = 1; k <= LOOKED_BYTES; k += 4) {
    const byte = <u32>load<u8>(at - k);
    instructions += (load<u32>(common + (<usize>(byte >> 5) << 2)) >> (byte & 31)) & 1;
  }
  return instructions >= INSTRUCTIONS_LEAST;
}

/** place: of new[n] in its module. */
export function codeWord(n: i64, at: usize): void {
  const place = <u32>(n - M.newStart);
  const w1 = absolute(load<u32>(at - 4), place - 4);
  const w2 = absolute(load<u32>(at - 8), place - 8);
  const w3 = absolute(load<u32>(at - 12), place - 12);
  const w4 = load<u32>(at - 16);
  const actual = S.encoding ? absolute(load<u32>(at), place) : 0;
  const lengthBits = lengthState(n);
  const expected = lengthBits ? expectedAt(S.matchAt) : 0;
  costKind(KIND_GAPS);
  let word: u32 = 0;
  let follows = lengthBits > 0;
  for (let j: u32 = 0; j < 4; j++) {
    const shift = 24 - 8 * j;
    const guess = (expected >>> shift) & 255;
    const known = hash(word, j);
    const b1 = (w1 >>> shift) & 255;
    context(0, follows ? hash3(0x41, guess, (lengthBits << 2) | j) : hash(0x42, j));
    context(1, hash(0x43, known));
    context(2, hash3(0x44, known, w1 >>> 24));
    context(3, hash3(0x45, known, w1));
    context(4, hash3(0x46, known, hash(w1, w2)));
    context(5, hash3(0x47, known, (w1 >>> 24) | ((w2 >>> 24) << 8) | ((w3 >>> 24) << 16)));
    context(6, hash3(0x48, known, w1 & 31));
    context(7, hash3(0x49, known, w1 & 0xffe0ffe0));
    context(8, hash3(0x4a, known, w2));
    context(9, hash3(0x4b, known, (w1 >>> 21) | ((w2 >>> 21) << 11)));
    context(10, hash3(0x4c, known, hash3(w1, w2, w3)));
    context(11, hash3(0x4d, j, j ? (word & 255) | ((w1 & 31) << 8) : (w1 >>> 21) | ((w3 >>> 24) << 11)));
    context(12, hash3(0x4e, known, (w1 & 31) | (((w1 >>> 5) & 31) << 5) | ((w2 & 31) << 10)));
    context(13, hash3(0x4f, known, w4));
    context(14, hash3(0x50, j, b1 | (((w2 >>> shift) & 255) << 8)));
    context(15, hash3(0x51, known, (place & 12) | (w1 >>> 24 << 4)));
    const byte = codeWordByte((actual >>> shift) & 255, j, guess, follows, lengthBits, word, setOf(j, word, w1));
    if (byte != guess) follows = false;
    word = (word << 8) | byte;
  }
  if (!S.encoding) store<u32>(at, relative(word, place));
  followWord(n, at, word, expected, w1, w2, w3);
}

/** Length of the match that says the four bytes at new[n], as contexts have it: below 16 itself, then coarser, up to 31; 0 for none. */
@inline
export function lengthState(n: i64): i32 {
  if (S.matchAt + 4 > S.oldSize + n) return 0;
  const length = min(S.matchLength, 255);
  return length < 16 ? length : min(16 + (length >> 4), 31);
}

/** The word at a place that the match model knows: in the old file, then the new one. */
@inline
export function expectedAt(position: i64): u32 {
  const inOld = position < S.oldSize;
  return absolute(either32(position), <u32>(inOld ? position - M.oldStart : position - S.oldSize - M.newStart));
}

@inline
function setOf(j: u32, word: u32, w1: u32): i32 {
  return <i32>(j * 256 + (j == 0 ? w1 >>> 24 : (word >>> (8 * (j - 1))) & 255));
}

/** word: its bytes before this one, j of them. set: of weights. */
export function codeWordByte(actual: u32, j: u32, guess: u32, follows: bool, lengthBits: i32, word: u32, set: i32): u32 {
  const w = weights + <usize>(set * INPUTS * 4);
  let partial: u32 = 1;
  let half: u32 = 1;
  for (let b = 7; b >= 0; b--) {
    if ((b & 3) == 3) {
      chooseLines(0, CONTEXTS, partial);
      half = 1;
    }
    lookAt(half, inputs);
    const open = follows && (guess | 256) >>> (b + 1) == partial;
    const counter = guessed + <usize>(4 * ((lengthBits * 4 + j) * 8 + b));
    let input = 0;
    if (open) {
      const s = stretch(load<u32>(counter) >>> 8);
      input = (guess >> b) & 1 ? s : -s;
    }
    store<i32>(inputs + 64, input);
    store<i32>(inputs + 68, 307);
    const set2 = (<i32>j * 32 + (open ? lengthBits : 0)) * 2 + (b > 3 ? 1 : 0);
    const v = weights2 + <usize>(set2 * INPUTS * 4);
    const d1 = mix(w, inputs, INPUTS);
    const d2 = mix(v, inputs, INPUTS);
    const logit = (d1 + d2) >> 1;
    const r1 = refinementAt(refinement, logit, partial | (j << 8) | ((open ? 1 + (lengthBits >> 4) : 0) << 10));
    const r2 = refinementAt(refinement2, logit, hash3(partial, word, j) >>> (32 - REFINEMENT_BITS));
    let p1 = (2 * squash(logit) + refined(r1, logit) + refined(r2, logit)) >> 2;
    p1 = min<u32>(max<u32>(p1, LEAST_GAP), (1 << 24) - LEAST_GAP);
    const bit = codeBit((actual >> b) & 1, p1);
    train(w, inputs, INPUTS, bit, squash(d1), RATE);
    train(v, inputs, INPUTS, bit, squash(d2), RATE2);
    refine(r1, logit, bit);
    refine(r2, logit, bit);
    learnAt(bit);
    if (open) update(counter, ((guess >> b) & 1) == bit ? 1 : 0, 250);
    partial = (partial << 1) | bit;
    half = (half << 1) | bit;
  }
  return partial & 255;
}
