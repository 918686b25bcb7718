/** The guesses about the byte at hand: which there are, how often each kind was right, and which is the best. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { eitherByte, takeFilled } from './memory';
import { EVEN, update } from './logistic';
import {
  COPY,
  REFERENCE,
  LEARNED,
  ADDRESS,
  MATCH,
  RECOVERED,
  KINDS,
  covers,
  fieldByte,
  fieldOffset,
  dropField,
} from './candidates';

/** States of a kind of guess, by which its counters are told apart. */
export const KIND_STATES: i32 = 512;

/** By kind of guess: whether there is one, what it says, its state and its history (right: 1), the counter of how often it is right. */
export const valid: usize = memory.data(10, 16);
export const guess: usize = memory.data(10, 16);
export const kindState: usize = memory.data(4 * 10, 16);
export const kindHistory: usize = memory.data(4 * 10, 16);
export const counterAt: usize = memory.data(4 * 10, 16);

/** By kind, state, and place in the field. */
let rightCounters: usize = 0;

export function openGuesses(): void {
  rightCounters = takeFilled(4 * KINDS * KIND_STATES * 4, EVEN);
  memory.fill(kindHistory, 0, 4 * KINDS);
}

/** The kind of the best guess, or -1. oldAt: the old byte, where this is no gap; place: within an instruction. */
export function gatherGuesses(n: i64, gap: bool, oldAt: usize, place: i32): i32 {
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
    store<i32>(kindState + <usize>(4 * k), state);
    const within = k > COPY && k < MATCH ? fieldOffset(k, n) & 3 : place;
    const counter = rightCounters + <usize>(4 * ((k * KIND_STATES + state) * 4 + within));
    store<u32>(counterAt + <usize>(4 * k), <u32>counter);
    const right = load<u32>(counter) >>> 8;
    if (best < 0 || right > bestRight) {
      bestRight = right;
      best = k;
    }
  }
  return best;
}

/** After the byte is known. */
export function learnGuesses(byte: u32): void {
  for (let k = 0; k < KINDS; k++)
    if (load<u8>(valid + k)) {
      const right = load<u8>(guess + k) == byte ? 1 : 0;
      update(<usize>load<u32>(counterAt + <usize>(4 * k)), right, 250);
      const history = kindHistory + <usize>(4 * k);
      store<u32>(history, (load<u32>(history) << 1) | right);
      if (!right && k != COPY && k < MATCH) dropField(k);
    }
}
