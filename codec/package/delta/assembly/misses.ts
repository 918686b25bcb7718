/**
 * A byte that was not guessed, or that there is no guess of, bit by bit: each mixed from sixteen contexts and from what the guesses say that
 * may still be right.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { takeFilled } from './memory';
import { EVEN, squash, stretch, update, checked, trustedChecked, updatedChecked } from './logistic';
import { mix, train, takeWeights, takeRefinement, refinementAt, refined, refine } from './mixer';
import { codeBit, costKind, KIND_MISSES, KIND_GAPS } from './coder';
import { hash, hash3, bitsOf } from './hash';
import { REFERENCE, COLUMN24, MATCH, KINDS, fieldOffset } from './candidates';
import { valid, guess, kindState, KIND_STATES } from './guesses';
import { takeTables, tableSlot } from './tables';

export const CONTEXTS: i32 = 16;
const INPUTS: i32 = 28;
const SETS: i32 = 512;
const SETS2: i32 = 128;
/** In a gap only the match model guesses. */
const GAP_INPUTS: i32 = 20;
const GAP_SETS: i32 = 256;
const GAP_SETS2: i32 = 64;
const REFINEMENT_BITS: i32 = 12;
const RATE: i32 = 20;
const RATE2: i32 = 12;
const TRAINED_CONTEXTS: i32 = 6;
const FIRST_TRAINED: i32 = 7;
/** How many bytes before a miss are learned late. */
const TRAINED_LATE: i64 = 24;
/** No bit is surer than this, of 2^24: in a gap runs of zeros are common. */
export const LEAST_GAP: u32 = 840;
const LEAST_MISS: u32 = 8389;

/** What the weights come to in the end, on average over libraries and programs. */
const first: usize = memory.data<u8>([46, 28, 38, 41, 38, 26, 28, 33, 59, 51, 49, 49, 38, 56, 23, 51, 64, 72, 64, 51, 51, 51, 54, 54, 61, 54, 46, 0]);
const firstGap: usize = memory.data<u8>([46, 28, 38, 41, 38, 26, 28, 33, 59, 51, 49, 49, 38, 56, 23, 51, 61, 54, 46, 0]);
const room: usize = memory.data<i8>([-1, 0, 0, 0, 0, -2, 0, -1, 1, 2, 2, 2, 1, 0, -5, 0]);
const inputs: usize = memory.data(4 * 28, 16);
const slots: usize = memory.data(4 * 16, 16);
const contexts: usize = memory.data(4 * 16, 16);
const counters: usize = memory.data(4 * 16, 16);
const limits: usize = memory.data<u8>([60, 60, 60, 60, 60, 60, 60, 127, 127, 120, 120, 120, 120, 120, 127, 120]);
const hashes: usize = memory.data(4 * 16, 16);
const lines: usize = memory.data(4 * 16, 16);
const tables: usize = memory.data(4 * 16, 16);
const shifts: usize = memory.data(16, 16);
/** By kind of guess: whether it may still be right, and the counters of its bits. */
const open: usize = memory.data(10, 16);
const bitCounterAt: usize = memory.data(4 * 10, 16);

let weights: usize = 0;
let weights2: usize = 0;
let gapWeights: usize = 0;
let gapWeights2: usize = 0;
let refinement: usize = 0;
let refinement2: usize = 0;
/** By kind, state, and bit. */
let bitCounters: usize = 0;

export function openMisses(): void {
  takeTables(CONTEXTS, S.byteBits, room, tables, shifts);
  weights = takeWeights(INPUTS, SETS, first);
  weights2 = takeWeights(INPUTS, SETS2, first);
  gapWeights = takeWeights(GAP_INPUTS, GAP_SETS, firstGap);
  gapWeights2 = takeWeights(GAP_INPUTS, GAP_SETS2, firstGap);
  refinement = takeRefinement(1 << REFINEMENT_BITS);
  refinement2 = takeRefinement(1 << REFINEMENT_BITS);
  bitCounters = takeFilled(4 * KINDS * KIND_STATES * 8, EVEN);
  memory.fill(inputs, 0, 4 * INPUTS);
}

/**
 * Chooses the cache line of each context for half a byte. partial: the bits of the byte before it, with a 1 in front. A bit has its counter at
 * a place in the line that both its context and the bits of its half say: as evenly spread as if each were anywhere, but one line to fetch.
 */
@inline
export function chooseLines(from: i32, to: i32, partial: u32): void {
  for (let k = from; k < to; k++) {
    const h = hash(load<u32>(contexts + <usize>(4 * k)), partial);
    store<u32>(hashes + <usize>(4 * k), h);
    store<u32>(lines + <usize>(4 * k), <u32>(tableSlot(k, h, tables, shifts) & ~63));
  }
}

/** half: the bits of this half of the byte, with a 1 in front. */
@inline
function slotOf(k: i32, half: u32): usize {
  const h = load<u32>(hashes + <usize>(4 * k));
  return <usize>load<u32>(lines + <usize>(4 * k)) + <usize>(((h ^ half) & 15) << 2);
}

@inline
function counterAt(k: i32, slot: usize): u32 {
  return checked(load<u32>(slot), (load<u32>(hashes + <usize>(4 * k)) >>> 4) & 127);
}

/** Looks all contexts up for the next bit. half: see slotOf. */
@inline
export function lookAt(half: u32, inputs: usize): void {
  for (let k = 0; k < CONTEXTS; k++) {
    const slot = slotOf(k, half);
    const counter = counterAt(k, slot);
    store<u32>(slots + <usize>(4 * k), <u32>slot);
    store<u32>(counters + <usize>(4 * k), counter);
    store<i32>(inputs + <usize>(4 * k), trustedChecked(counter));
  }
}

/** Teaches them the bit that was looked up last. */
@inline
export function learnAt(bit: i32): void {
  for (let k = 0; k < CONTEXTS; k++) {
    const counter = load<u32>(counters + <usize>(4 * k));
    store<u32>(<usize>load<u32>(slots + <usize>(4 * k)), updatedChecked(counter, bit, load<u8>(limits + k)));
  }
}

@inline
export function context(k: i32, value: u32): void {
  store<u32>(contexts + <usize>(4 * k), value);
}

@inline
export function isWord(byte: u32): bool {
  return (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 57) || byte == 95 || byte > 127;
}

/** Contexts of the last bytes of the new file, the ones that are also learned from bytes that were guessed right. */
function orderContexts(at: usize, n: i64, word: u32): void {
  const c4 = load<u32>(at - 4);
  context(7, hash3(8, c4 >>> 24, 0));
  context(8, hash3(9, c4 >>> 16, 0));
  context(9, hash3(10, c4 >>> 8, 0));
  context(10, hash3(11, c4, 0));
  context(11, hash3(12, c4, n > 5 ? <u32>load<u16>(at - 6) : 0));
  context(12, hash3(13, word, c4 >>> 24));
}

/** Learns what was guessed right in the bytes before a miss: after a miss they are the context. */
function trainLate(n: i64, at: usize): void {
  const from = max(S.trained, n - TRAINED_LATE);
  S.trained = n + 1;
  if (from >= n) return;
  let word: u32 = 0;
  for (let q = max<i64>(from - 8, S.windowStart + 8); q < from; q++) {
    const byte = <u32>load<u8>(at - <usize>(n - q));
    word = isWord(byte) ? hash(word, byte) : 0;
  }
  for (let q = from; q < n; q++) {
    const here = at - <usize>(n - q);
    const byte = <u32>load<u8>(here);
    orderContexts(here, q, word);
    word = isWord(byte) ? hash(word, byte) : 0;
    let half: u32 = 1;
    for (let b = 7; b >= 0; b--) {
      if ((b & 3) == 3) {
        chooseLines(FIRST_TRAINED, FIRST_TRAINED + TRAINED_CONTEXTS, (256 | byte) >> (b + 1));
        half = 1;
      }
      const bit = (byte >> b) & 1;
      for (let k = FIRST_TRAINED; k < FIRST_TRAINED + TRAINED_CONTEXTS; k++)
{
        const slot = slotOf(k, half);
        store<u32>(slot, updatedChecked(counterAt(k, slot), bit, k < 9 ? 127 : 100));
      }
      half = (half << 1) | bit;
    }
  }
}

/** Contexts that only a gap has, where others look at the old file: lines and skipped bytes. */
function gapContexts(n: i64, c4: u32): void {
  const column = <u32>min<i64>(n - S.lineStart, 255);
  const above = S.lineBefore > 0 && S.lineBefore + <i64>column < S.lineStart && S.lineBefore >= S.windowStart
    ? <u32>load<u8>(S.windowAt + <usize>(S.lineBefore + column - S.windowStart))
    : 256;
  context(1, hash3(2, c4 & 0xff00ffff, 0));
  context(2, hash3(3, column, 0));
  context(3, hash3(4, c4 & 0x00ffffff, 0));
  context(4, hash3(5, column | (above << 8), c4 >>> 24));
  context(5, hash3(6, <u32>n & 3, c4 >>> 24 | ((c4 & 255) << 8)));
  context(6, hash3(7, above, c4 >>> 16));
}

export function codeMissed(n: i64, gap: bool, at: usize, oldAt: usize, best: i32, favourite: i32, predicted: u32, place: i32): u32 {
  trainLate(n, at);
  const actual = S.encoding ? <u32>load<u8>(at) : 0;
  const mode: u32 = gap ? 0 : best > 0 ? 2 : 1;
  const old4 = gap ? 0 : load<u32>(oldAt);
  const oldHere = old4 & 255;
  const oldNext = (old4 >>> 8) & 255;
  const oldBefore = gap ? 0 : load<u32>(oldAt - 3);
  const o1 = (oldBefore >>> 16) & 255;
  const c4 = load<u32>(at - 4);
  const c1 = c4 >>> 24;
  const c2 = (c4 >>> 16) & 255;
  const c3 = (c4 >>> 8) & 255;
  let fieldPlace = 0;
  let fieldKind = 0;
  for (let k = REFERENCE; k <= COLUMN24; k++)
    if (load<u8>(valid + k)) {
      fieldPlace = fieldOffset(k, n);
      fieldKind = k;
      break;
    }
  const expected: u32 = favourite >= 0 ? load<u8>(guess + favourite) : 0;
  context(0, gap && favourite >= 0 ? hash3(17, expected, min(S.matchLength, 31) | (favourite << 8)) : hash3(1, mode, predicted | (best >= 0 ? 256 : 0)));
  context(1, hash3(2, oldHere | (o1 << 8), mode));
  context(2, hash3(3, oldHere | (c1 << 8), place | (mode << 4)));
  context(3, hash3(4, S.difference1, hash(oldHere, fieldPlace | (fieldKind << 3) | (mode << 8))));
  context(4, hash3(5, oldHere | (oldNext << 8), hash(c1, mode)));
  context(5, hash3(6, fieldPlace | (fieldKind << 3), S.confidence | (mode << 3) | (place << 6)));
  context(6, hash3(7, oldBefore, mode));
  if (gap) gapContexts(n, c4);
  orderContexts(at, n, S.word);
  context(13, hash3(14, place | (mode << 4), (n >= 8 ? <u32>load<u8>(at - 8) : 0) | ((c4 & 255) << 8)));
  context(14, hash3(15, mode, 0));
  context(15, hash3(16, c2 | (c3 << 8), mode));
  const firstKind = gap ? MATCH : 0;
  for (let k = firstKind; k < KINDS; k++) {
    const can = load<u8>(valid + k) != 0 && (load<u8>(guess + k) != predicted || best < 0);
    store<u8>(open + k, <u8>can);
    if (can) {
      const state = load<i32>(kindState + <usize>(4 * k));
      store<u32>(bitCounterAt + <usize>(4 * k), <u32>(bitCounters + <usize>(4 * (k * KIND_STATES + state) * 8)));
    }
  }
  costKind(gap ? KIND_GAPS : KIND_MISSES);
  const count = gap ? GAP_INPUTS : INPUTS;
  const w = gap
    ? gapWeights + <usize>(c1 * GAP_INPUTS * 4)
    : weights + <usize>(((mode - 1) * 256 + fieldKind * 8 + fieldPlace) * INPUTS * 4);
  const least: u32 = gap ? LEAST_GAP : LEAST_MISS;
  let partial: u32 = 1;
  let half: u32 = 1;
  for (let b = 7; b >= 0; b--) {
    if ((b & 3) == 3) {
      chooseLines(0, CONTEXTS, partial);
      half = 1;
    }
    lookAt(half, inputs);
    for (let k = firstKind; k < KINDS; k++) {
      let input = 0;
      if (load<u8>(open + k)) {
        const s = stretch(load<u32>(<usize>load<u32>(bitCounterAt + <usize>(4 * k)) + <usize>(4 * (7 - b))) >>> 8);
        input = (load<u8>(guess + k) >> <u8>b) & 1 ? s : -s;
      }
      store<i32>(inputs + <usize>(4 * (CONTEXTS + k - firstKind)), input);
    }
    store<i32>(inputs + <usize>(4 * (CONTEXTS + KINDS - firstKind)), 307);
    store<i32>(inputs + <usize>(4 * (count - 1)), 0);
    const follows = favourite >= 0 && best < 0 && (expected | 256) >>> (b + 1) == partial ? 1 : 0;
    const set2 = (gap ? 0 : (mode - 1) * 64) + min(bitsOf(S.matchLength), 15) * 4 + follows + (7 - b > 3 ? 2 : 0);
    const w2 = (gap ? gapWeights2 : weights2) + <usize>(set2 * count * 4);
    const d1 = mix(w, inputs, count);
    const d2 = mix(w2, inputs, count);
    const logit = (d1 + d2) >> 1;
    const r1 = refinementAt(refinement, logit, (partial | ((c1 >>> 4) << 8)));
    const r2 = refinementAt(refinement2, logit, hash3(partial, c1, c2) >>> (32 - REFINEMENT_BITS));
    let p1 = (2 * squash(logit) + refined(r1, logit) + refined(r2, logit)) >> 2;
    p1 = min<u32>(max<u32>(p1, least), (1 << 24) - least);
    const bit = codeBit((actual >> b) & 1, p1);
    train(w, inputs, count, bit, squash(d1), RATE);
    train(w2, inputs, count, bit, squash(d2), RATE2);
    refine(r1, logit, bit);
    refine(r2, logit, bit);
    learnAt(bit);
    for (let k = firstKind; k < KINDS; k++)
      if (load<u8>(open + k)) {
        const right = ((load<u8>(guess + k) >> <u8>b) & 1) == bit ? 1 : 0;
        update(<usize>load<u32>(bitCounterAt + <usize>(4 * k)) + <usize>(4 * (7 - b)), right, 100);
        if (!right) store<u8>(open + k, 0);
      }
    partial = (partial << 1) | bit;
    half = (half << 1) | bit;
  }
  return partial & 255;
}
