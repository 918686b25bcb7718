/**
 * Codes one byte of the new file: first whether the best guess is right, and where it is not (or there is none), the byte itself, bit by
 * bit. Both by mixing counters that are chosen by contexts.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, takeFilled, eitherByte, newByte } from './memory';
import { EVEN, squash, stretch, trusted, update, checked, trustedChecked, updateChecked, checkedFine, trustedFine, updateFine } from './logistic';
import { mix, train, takeWeights, takeRefinement, refinementAt, refined, refine } from './mixer';
import { codeBit, costKind, KIND_FLAGS, KIND_MISSES, KIND_GAPS } from './coder';
import { hash, hash3, bitsOf } from './hash';
import {
  COPY,
  REFERENCE,
  LEARNED,
  ADDRESS,
  COLUMN24,
  MATCH,
  RECOVERED,
  KINDS,
  covers,
  fieldByte,
  fieldOffset,
  fieldLength,
  dropField,
  finishFields,
} from './candidates';
import { followMatch } from './match';
import { M } from './candidates';
import { O, MACHINE_A64 } from './elf';

const FLAG_CONTEXTS: i32 = 12;
const FLAG_INPUTS: i32 = 16;
const FLAG_SETS: i32 = 8192;
const FLAG_SETS2: i32 = 1024;
const BYTE_CONTEXTS: i32 = 16;
const BYTE_INPUTS: i32 = 28;
const BYTE_SETS: i32 = 2048;
const BYTE_SETS2: i32 = 256;
const REFINEMENT_BITS: i32 = 12;
const TRAINED_CONTEXTS: i32 = 6;
const FIRST_TRAINED: i32 = 7;
/** How many bytes before a miss are learned late. */
const TRAINED_LATE: i64 = 24;

/** How long after a miss a match is looked for where the old file is followed. */
const MATCH_LOOKS: i64 = 16;

let flagWeights: usize = 0;
let flagWeights2: usize = 0;
let byteWeights: usize = 0;
let byteWeights2: usize = 0;
let flagRefinement: usize = 0;
let flagRefinement2: usize = 0;
let byteRefinement: usize = 0;
let byteRefinement2: usize = 0;
/** Counters of how often each kind of guess was right: by kind, state, place in its field. And of its bits on a miss. */
let rightCounters: usize = 0;
let bitCounters: usize = 0;

/** What the weights come to in the end, on average over libraries and programs. */
const flagFirst: usize = memory.data<u8>([92, 49, 61, 69, 51, 49, 87, 79, 72, 64, 54, 56, 46, 56, 0, 0]);
const byteFirst: usize = memory.data<u8>([46, 28, 38, 41, 38, 26, 28, 33, 59, 51, 49, 49, 38, 56, 23, 51, 64, 72, 64, 51, 51, 51, 54, 54, 61, 54, 46, 0]);
const flagInputs: usize = memory.data(4 * 16, 16);
const byteInputs: usize = memory.data(4 * 28, 16);
const flagSlots: usize = memory.data(4 * 12, 16);
const byteSlots: usize = memory.data(4 * 16, 16);
const byteContexts: usize = memory.data(4 * 16, 16);
const valid: usize = memory.data(10, 16);
const guess: usize = memory.data(10, 16);
const open: usize = memory.data(10, 16);
const counterAt: usize = memory.data(4 * 10, 16);
const bitCounterAt: usize = memory.data(4 * 10, 16);
const kindContext: usize = memory.data(4 * 10, 16);
const kindHistory: usize = memory.data(4 * 10, 16);

/** Contexts that are seldom the same need more room. In bits, to be added to the size that the patch asks for. */
const flagRoom: usize = memory.data<i8>([-2, -4, 1, 2, 0, -2, 0, 2, 1, 2, -2, 2]);
const byteRoom: usize = memory.data<i8>([-1, 0, 0, 0, 0, -2, 0, -1, 1, 2, 2, 2, 1, 0, -5, 0]);
const flagTableAt: usize = memory.data(4 * 12, 16);
const byteTableAt: usize = memory.data(4 * 16, 16);
const flagShift: usize = memory.data(12, 16);
const byteShift: usize = memory.data(16, 16);

function takeTables(count: i32, bits: i32, room: usize, tables: usize, shifts: usize): void {
  for (let k = 0; k < count; k++) {
    const own = max(bits + <i32>load<i8>(room + <usize>k), 8);
    store<u32>(tables + <usize>(4 * k), <u32>takeFilled(<usize>4 << own, EVEN));
    store<u8>(shifts + <usize>k, <u8>(32 - own));
  }
}

export function openBytes(): void {
  takeTables(FLAG_CONTEXTS, S.flagBits, flagRoom, flagTableAt, flagShift);
  takeTables(BYTE_CONTEXTS, S.byteBits, byteRoom, byteTableAt, byteShift);
  flagWeights = takeWeights(FLAG_INPUTS, FLAG_SETS, flagFirst);
  flagWeights2 = takeWeights(FLAG_INPUTS, FLAG_SETS2, flagFirst);
  byteWeights = takeWeights(BYTE_INPUTS, BYTE_SETS, byteFirst);
  byteWeights2 = takeWeights(BYTE_INPUTS, BYTE_SETS2, byteFirst);
  flagRefinement = takeRefinement(1024);
  flagRefinement2 = takeRefinement(1 << REFINEMENT_BITS);
  byteRefinement = takeRefinement(1 << REFINEMENT_BITS);
  byteRefinement2 = takeRefinement(1 << REFINEMENT_BITS);
  rightCounters = takeFilled(4 * KINDS * 512 * 4, EVEN);
  bitCounters = takeFilled(4 * KINDS * 512 * 8, EVEN);
  memory.fill(kindHistory, 0, 4 * KINDS);
  memory.fill(flagInputs, 0, 4 * FLAG_INPUTS);
  memory.fill(byteInputs, 0, 4 * BYTE_INPUTS);
  S.lastMiss = -1;
}

@inline
function flagSlot(k: i32, context: u32): void {
  const at = <usize>load<u32>(flagTableAt + <usize>(4 * k)) + (<usize>(context >>> <u32>load<u8>(flagShift + k)) << 2);
  store<u32>(flagSlots + <usize>(4 * k), <u32>at);
  checkedFine(at, context & 15);
  store<i32>(flagInputs + <usize>(4 * k), trustedFine(load<u32>(at)));
}

@inline
function byteTable(k: i32, context: u32): usize {
  const at = <usize>load<u32>(byteTableAt + <usize>(4 * k)) + (<usize>(context >>> <u32>load<u8>(byteShift + k)) << 2);
  checked(at, context & 127);
  return at;
}

@inline
function context(k: i32, value: u32): void {
  store<u32>(byteContexts + <usize>(4 * k), value);
}

@inline
function isWord(byte: u32): bool {
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
    let partial: u32 = 1;
    for (let b = 7; b >= 0; b--) {
      const bit = (byte >> b) & 1;
      for (let k = FIRST_TRAINED; k < FIRST_TRAINED + TRAINED_CONTEXTS; k++)
        updateChecked(byteTable(k, hash(load<u32>(byteContexts + <usize>(4 * k)), partial)), bit, k < 9 ? 127 : 100);
      partial = (partial << 1) | bit;
    }
  }
}

/**
 * at: where new[n] stands in the window; oldAt: where old[p] does; p: -1 in a gap. segmentFrom, segmentLeft: bytes since its start and
 * to its end.
 */
export function codeByte(n: i64, p: i64, at: usize, oldAt: usize, segmentFrom: i64, segmentLeft: i64): void {
  const gap = p < 0;
  const place = gap ? gapPlace(n) : <i32>(p & 3);
  // Guesses.
  let best = -1;
  let bestRight: u32 = 0;
  for (let k = 0; k < KINDS; k++) {
    let has = false;
    let byte: u32 = 0;
    if (k == COPY) {
      if (!gap) {
        has = true;
        byte = load<u8>(oldAt);
      }
    } else if (k < MATCH) {
      if (!gap && covers(k, n)) {
        has = true;
        byte = fieldByte(k, n);
      }
    } else if (k == MATCH) {
      if (S.matchLength > 0 && (gap || S.matchLength > 20)) {
        has = true;
        byte = eitherByte(S.matchAt);
      }
    } else if (gap && S.recoverLeft > 0 && S.matchLength < 16 && !(S.matchLength > 0 && S.recoverAt == S.matchAt)) {
      has = true;
      byte = eitherByte(S.recoverAt);
    }
    store<u8>(valid + k, <u8>has);
    if (!has) continue;
    store<u8>(guess + k, <u8>byte);
    const history = load<u32>(kindHistory + <usize>(4 * k));
    let state: i32;
    if (k == MATCH) state = min(S.matchLength, 31) | (gap ? 32 : 0);
    else if (k == RECOVERED) state = 32 | (history & 31);
    else if (gap) state = 16 + (history & 15);
    else state = (history & 15) | (k >= REFERENCE && k <= ADDRESS ? S.confidence << 4 : 0);
    state = (state & 63) | (k == REFERENCE || k == LEARNED ? (S.referenceType & 7) << 6 : 0);
    store<i32>(kindContext + <usize>(4 * k), state);
    const within = k > COPY && k < MATCH ? fieldOffset(k, n) & 3 : place;
    const counter = rightCounters + <usize>(4 * ((k * 512 + state) * 4 + within));
    store<u32>(counterAt + <usize>(4 * k), <u32>counter);
    const right = load<u32>(counter) >>> 8;
    if (best < 0 || right > bestRight) {
      bestRight = right;
      best = k;
    }
  }
  const favourite = best;
  if (gap) best = -1;
  const c4 = load<u32>(at - 4);
  const c1 = c4 >>> 24;
  const c2 = (c4 >>> 16) & 255;
  let predicted: u32 = 0;
  let hit = 0;
  const old4 = gap ? 0 : load<u32>(oldAt);
  const oldHere = gap ? 256 : old4 & 255;
  const oldBefore = gap ? 0 : load<u32>(oldAt - 3) & 0xffffff;
  const o1 = oldBefore >>> 16;
  const o2 = (oldBefore >>> 8) & 255;
  if (best >= 0) {
    predicted = load<u8>(guess + best);
    let agree: u32 = 0;
    let differ: u32 = 0;
    for (let k = 0; k < KINDS; k++)
      if (load<u8>(valid + k)) {
        if (load<u8>(guess + k) == predicted) agree |= 1 << k;
        else differ |= 1 << k;
      }
    if (S.encoding) hit = load<u8>(at) == predicted ? 1 : 0;
    const signature = agree | (differ << 11);
    const run = min(bitsOf(S.runLength), 15);
    const history = <u32>S.history;
    const miss = differ ? 1 : 0;
    flagSlot(0, hash3(1, signature, S.confidence | ((agree | differ) & 6 ? S.referenceType << 3 : 0)));
    flagSlot(1, hash3(2, run, place | (best << 2) | (miss << 6)));
    flagSlot(2, hash3(3, o1 | (o2 << 8) | ((oldBefore & 255) << 16), oldHere | (miss << 9)));
    flagSlot(3, hash3(4, old4, miss));
    flagSlot(4, hash3(5, history & 0xffff, best));
    const sampled =
      ((history >>> 3) & 1) |
      (((history >>> 7) & 1) << 1) |
      (((history >>> 11) & 1) << 2) |
      (((history >>> 15) & 1) << 3) |
      (((history >>> 23) & 1) << 4) |
      ((<u32>(S.history >> 47) & 1) << 5) |
      ((history & 1) << 6) |
      (((history >>> 1) & 1) << 7);
    flagSlot(5, hash3(6, sampled, (<u32>p & 7) | (best << 3)));
    flagSlot(6, hash3(7, min(bitsOf(segmentFrom), 15) | (min(bitsOf(segmentLeft), 15) << 4), run | (signature << 4)));
    flagSlot(7, hash3(8, S.difference1 | (S.difference2 << 8), hash3(<u32>min<i64>(n - S.lastMiss, 20), oldHere, best)));
    flagSlot(8, hash3(9, predicted | (c1 << 8) | (c2 << 16), 0));
    flagSlot(9, hash3(10, predicted | (c1 << 8) | (c2 << 16) | (c4 << 16 & 0xff000000), c4 & 255));
    flagSlot(10, hash3(11, load<u32>(kindHistory + <usize>(4 * best)) & 255, best | (place << 4) | (S.confidence << 6)));
    flagSlot(11, hash3(12, o1 | (o2 << 8), c1 | (c2 << 8) | (place << 16)));
    const counter = <usize>load<u32>(counterAt + <usize>(4 * best));
    store<i32>(flagInputs + 48, stretch(load<u32>(counter) >>> 8));
    store<i32>(flagInputs + 52, 512);
    const set = ((best * 8 + min(run >> 1, 7)) * 16 + ((place << 2) + miss)) & 4095;
    const w = flagWeights + <usize>(set * FLAG_INPUTS * 4);
    const w2 = flagWeights2 + <usize>((hash(signature, 7) >>> 22) * FLAG_INPUTS * 4);
    const d1 = mix(w, flagInputs, FLAG_INPUTS);
    const d2 = mix(w2, flagInputs, FLAG_INPUTS);
    const logit = (d1 + d2) >> 1;
    const r1 = refinementAt(flagRefinement, logit, best * 64 + (miss << 5) + (run >> 1) * 2);
    const r2 = refinementAt(flagRefinement2, logit, hash(oldHere & 255, o1) >>> (32 - REFINEMENT_BITS));
    const p1 = (2 * squash(logit) + refined(r1, logit) + refined(r2, logit)) >> 2;
    costKind(KIND_FLAGS);
    hit = codeBit(hit, p1);
    train(w, flagInputs, FLAG_INPUTS, hit, squash(d1), 20);
    train(w2, flagInputs, FLAG_INPUTS, hit, squash(d2), 20);
    refine(r1, logit, hit);
    refine(r2, logit, hit);
    for (let k = 0; k < FLAG_CONTEXTS; k++) updateFine(<usize>load<u32>(flagSlots + <usize>(4 * k)), hit, k < 2 || k == 4 ? 127 : 120);
  }
  let byte: u32;
  if (hit) byte = predicted;
  else byte = codeMissed(n, p, at, oldAt, best, favourite, predicted, place);
  if (!S.encoding) store<u8>(at, <u8>byte);
  for (let k = 0; k < KINDS; k++)
    if (load<u8>(valid + k)) {
      const right = load<u8>(guess + k) == byte ? 1 : 0;
      update(<usize>load<u32>(counterAt + <usize>(4 * k)), right, 250);
      const history = kindHistory + <usize>(4 * k);
      store<u32>(history, (load<u32>(history) << 1) | right);
      if (!right && k != COPY && k < MATCH) dropField(k);
    }
  if (best >= 0) {
    S.history = (S.history << 1) | (hit ? 0 : 1);
    if (hit) S.runLength += 1;
    else {
      S.runLength = 0;
      S.lastMiss = n;
    }
  } else S.history = (S.history << 1) | 1;
  if (!gap && byte != oldHere) {
    S.difference2 = S.difference1;
    S.difference1 = (byte - oldHere) & 255;
  }
  S.word = isWord(byte) ? hash(S.word, byte) : 0;
  if (byte == 10) {
    S.lineBefore = S.lineStart;
    S.lineStart = n + 1;
  }
  finishFields(n);
  followMatch(n, at, gap || n - S.lastMiss <= MATCH_LOOKS);
}

/** In a gap: the place in the instruction, where instructions have four bytes. */
@inline
function gapPlace(n: i64): i32 {
  return O.valid && O.machine == MACHINE_A64 ? <i32>((n - M.newStart) & 3) : 0;
}

/** Contexts that only a gap has, where others look at the old file: instructions of AArch64, or lines and skipped bytes. */
function gapContexts(at: usize, n: i64, place: i32, c4: u32): void {
  if (O.valid && O.machine == MACHINE_A64) {
    const here = place == 0 ? 0 : c4 >>> (32 - 8 * place);
    const before = load<u32>(at - <usize>place - 4);
    const before2 = load<u32>(at - <usize>place - 8);
    context(1, hash3(2, here, hash(place, before)));
    context(2, hash3(3, here, hash(place, before >>> 24)));
    context(3, hash3(4, here, hash(place, (before >>> 24) | ((before2 >>> 24) << 8))));
    context(4, hash3(5, here, hash(place, before & 31)));
    context(6, hash3(7, here, hash(place, before & 0xffe0ffe0)));
    return;
  }
  const column = <u32>min<i64>(n - S.lineStart, 255);
  const above = S.lineBefore > 0 && S.lineBefore + <i64>column < S.lineStart && S.lineBefore >= S.windowStart
    ? <u32>load<u8>(S.windowAt + <usize>(S.lineBefore + column - S.windowStart))
    : 256;
  context(1, hash3(2, c4 & 0xff00ffff, 0));
  context(2, hash3(3, column, 0));
  context(3, hash3(4, c4 & 0x00ffffff, 0));
  context(4, hash3(5, column | (above << 8), c4 >>> 24));
  context(6, hash3(7, above, c4 >>> 16));
}

function codeMissed(n: i64, p: i64, at: usize, oldAt: usize, best: i32, favourite: i32, predicted: u32, place: i32): u32 {
  const gap = p < 0;
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
  if (gap) gapContexts(at, n, place, c4);
  orderContexts(at, n, S.word);
  context(13, hash3(14, place | (mode << 4), (n >= 8 ? <u32>load<u8>(at - 8) : 0) | ((c4 & 255) << 8)));
  context(14, hash3(15, mode, 0));
  context(15, hash3(16, c2 | (c3 << 8), mode));
  for (let k = 0; k < KINDS; k++) {
    const can = load<u8>(valid + k) != 0 && (load<u8>(guess + k) != predicted || best < 0);
    store<u8>(open + k, <u8>can);
    if (can) {
      const state = load<i32>(kindContext + <usize>(4 * k));
      store<u32>(bitCounterAt + <usize>(4 * k), <u32>(bitCounters + <usize>(4 * (k * 512 + state) * 8)));
    }
  }
  costKind(gap ? KIND_GAPS : KIND_MISSES);
  const setBase = (mode * 256 + (mode == 0 ? c1 : fieldKind * 8 + fieldPlace)) & (BYTE_SETS - 1);
  const w = byteWeights + <usize>(setBase * BYTE_INPUTS * 4);
  const least: u32 = gap ? 840 : 8389;
  let partial: u32 = 1;
  for (let b = 7; b >= 0; b--) {
    for (let k = 0; k < BYTE_CONTEXTS; k++) {
      const slot = byteTable(k, hash(load<u32>(byteContexts + <usize>(4 * k)), partial));
      store<u32>(byteSlots + <usize>(4 * k), <u32>slot);
      store<i32>(byteInputs + <usize>(4 * k), trustedChecked(load<u32>(slot)));
    }
    for (let k = 0; k < KINDS; k++) {
      let input = 0;
      if (load<u8>(open + k)) {
        const s = stretch(load<u32>(<usize>load<u32>(bitCounterAt + <usize>(4 * k)) + <usize>(4 * (7 - b))) >>> 8);
        input = (load<u8>(guess + k) >> <u8>b) & 1 ? s : -s;
      }
      store<i32>(byteInputs + <usize>(4 * (BYTE_CONTEXTS + k)), input);
    }
    store<i32>(byteInputs + <usize>(4 * (BYTE_CONTEXTS + KINDS)), 307);
    const follows = favourite >= 0 && best < 0 && (expected | 256) >>> (b + 1) == partial ? 1 : 0;
    const set2 = mode * 64 + min(bitsOf(S.matchLength), 15) * 4 + follows + (7 - b > 3 ? 2 : 0);
    const w2 = byteWeights2 + <usize>((set2 & (BYTE_SETS2 - 1)) * BYTE_INPUTS * 4);
    const d1 = mix(w, byteInputs, BYTE_INPUTS);
    const d2 = mix(w2, byteInputs, BYTE_INPUTS);
    const logit = (d1 + d2) >> 1;
    const r1 = refinementAt(byteRefinement, logit, (partial | ((c1 >>> 4) << 8)));
    const r2 = refinementAt(byteRefinement2, logit, hash3(partial, c1, c2) >>> (32 - REFINEMENT_BITS));
    let p1 = (2 * squash(logit) + refined(r1, logit) + refined(r2, logit)) >> 2;
    p1 = min<u32>(max<u32>(p1, least), (1 << 24) - least);
    const bit = codeBit((actual >> b) & 1, p1);
    train(w, byteInputs, BYTE_INPUTS, bit, squash(d1), 20);
    train(w2, byteInputs, BYTE_INPUTS, bit, squash(d2), 12);
    refine(r1, logit, bit);
    refine(r2, logit, bit);
    for (let k = 0; k < BYTE_CONTEXTS; k++)
      updateChecked(<usize>load<u32>(byteSlots + <usize>(4 * k)), bit, k < 7 ? 60 : k < 9 || k == 14 ? 127 : 120);
    for (let k = 0; k < KINDS; k++)
      if (load<u8>(open + k)) {
        const right = ((load<u8>(guess + k) >> <u8>b) & 1) == bit ? 1 : 0;
        update(<usize>load<u32>(bitCounterAt + <usize>(4 * k)) + <usize>(4 * (7 - b)), right, 100);
        if (!right) store<u8>(open + k, 0);
      }
    partial = (partial << 1) | bit;
  }
  return partial & 255;
}
