/** Whether the best guess is right: one binary decision, mixed from twelve contexts. Only where the old file is followed. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { checkedFine, squash, stretch, trustedFine, updatedFine } from './logistic';
import { mix, train, takeWeights, takeRefinement, refinementAt, refined, refine } from './mixer';
import { codeBit, costKind, KIND_FLAGS } from './coder';
import { hash, hash3, bitsOf } from './hash';
import { KINDS } from './candidates';
import { valid, guess, kindHistory, counterAt } from './guesses';
import { takeTables, tableSlot } from './tables';

const CONTEXTS: i32 = 12;
const INPUTS: i32 = 16;
const SETS: i32 = 1280;
const SETS2: i32 = 1024;
const REFINEMENT_BITS: i32 = 12;
const RATE: i32 = 20;

/** What the weights come to in the end, on average over libraries and programs. */
const first: usize = memory.data<u8>([92, 49, 61, 69, 51, 49, 87, 79, 72, 64, 54, 56, 46, 56, 0, 0]);
const room: usize = memory.data<i8>([-2, -4, 1, 2, 0, -2, 0, 2, 1, 2, -2, 2]);
const inputs: usize = memory.data(4 * 16, 16);
const slots: usize = memory.data(4 * 12, 16);
const counters: usize = memory.data(4 * 12, 16);
const limits: usize = memory.data<u8>([127, 127, 120, 120, 127, 120, 120, 120, 120, 120, 120, 120]);
const tables: usize = memory.data(4 * 12, 16);
const shifts: usize = memory.data(12, 16);

let weights: usize = 0;
let weights2: usize = 0;
let refinement: usize = 0;
let refinement2: usize = 0;

export function openFlags(): void {
  // From nothing there is nothing to follow.
  if (S.oldSize == 0) return;
  takeTables(CONTEXTS, S.flagBits, room, tables, shifts);
  weights = takeWeights(INPUTS, SETS, first);
  weights2 = takeWeights(INPUTS, SETS2, first);
  refinement = takeRefinement(1024);
  refinement2 = takeRefinement(1 << REFINEMENT_BITS);
  memory.fill(inputs, 0, 4 * INPUTS);
}

@inline
function look(k: i32, context: u32): void {
  const at = tableSlot(k, context, tables, shifts);
  const counter = checkedFine(load<u32>(at), context & 15);
  store<u32>(slots + <usize>(4 * k), <u32>at);
  store<u32>(counters + <usize>(4 * k), counter);
  store<i32>(inputs + <usize>(4 * k), trustedFine(counter));
}

/**
 * actual: whether it is right, in the encoder. best: its kind; predicted: the byte. at: where new[n] stands; oldAt: where old[p] does; place:
 * within an instruction. segmentFrom, segmentLeft: bytes since the segment's start and to its end.
 */
export function codeFlag(
  actual: i32,
  best: i32,
  predicted: u32,
  n: i64,
  p: i64,
  at: usize,
  oldAt: usize,
  place: i32,
  segmentFrom: i64,
  segmentLeft: i64,
): i32 {
  const c4 = load<u32>(at - 4);
  const c1 = c4 >>> 24;
  const c2 = (c4 >>> 16) & 255;
  const old4 = load<u32>(oldAt);
  const oldHere = old4 & 255;
  const oldBefore = load<u32>(oldAt - 3) & 0xffffff;
  const o1 = oldBefore >>> 16;
  const o2 = (oldBefore >>> 8) & 255;
  let agree: u32 = 0;
  let differ: u32 = 0;
  for (let k = 0; k < KINDS; k++)
    if (load<u8>(valid + k)) {
      if (load<u8>(guess + k) == predicted) agree |= 1 << k;
      else differ |= 1 << k;
    }
  const signature = agree | (differ << 11);
  const run = min(bitsOf(S.runLength), 15);
  const history = <u32>S.history;
  const miss = differ ? 1 : 0;
  look(0, hash3(1, signature, S.confidence | ((agree | differ) & 6 ? S.referenceType << 3 : 0)));
  look(1, hash3(2, run, place | (best << 2) | (miss << 6)));
  look(2, hash3(3, o1 | (o2 << 8) | ((oldBefore & 255) << 16), oldHere | (miss << 9)));
  look(3, hash3(4, old4, miss));
  look(4, hash3(5, history & 0xffff, best));
  const sampled =
    ((history >>> 3) & 1) |
    (((history >>> 7) & 1) << 1) |
    (((history >>> 11) & 1) << 2) |
    (((history >>> 15) & 1) << 3) |
    (((history >>> 23) & 1) << 4) |
    ((<u32>(S.history >> 47) & 1) << 5) |
    ((history & 1) << 6) |
    (((history >>> 1) & 1) << 7);
  look(5, hash3(6, sampled, (<u32>p & 7) | (best << 3)));
  look(6, hash3(7, min(bitsOf(segmentFrom), 15) | (min(bitsOf(segmentLeft), 15) << 4), run | (signature << 4)));
  look(7, hash3(8, S.difference1 | (S.difference2 << 8), hash3(<u32>min<i64>(n - S.lastMiss, 20), oldHere, best)));
  look(8, hash3(9, predicted | (c1 << 8) | (c2 << 16), 0));
  look(9, hash3(10, predicted | (c1 << 8) | (c2 << 16) | (c4 << 16 & 0xff000000), c4 & 255));
  look(10, hash3(11, load<u32>(kindHistory + <usize>(4 * best)) & 255, best | (place << 4) | (S.confidence << 6)));
  look(11, hash3(12, o1 | (o2 << 8), c1 | (c2 << 8) | (place << 16)));
  const counter = <usize>load<u32>(counterAt + <usize>(4 * best));
  store<i32>(inputs + 48, stretch(load<u32>(counter) >>> 8));
  store<i32>(inputs + 52, 512);
  const set = (best * 8 + min(run >> 1, 7)) * 16 + ((place << 2) + miss);
  const w = weights + <usize>(set * INPUTS * 4);
  const w2 = weights2 + <usize>((hash(signature, 7) >>> 22) * INPUTS * 4);
  const d1 = mix(w, inputs, INPUTS);
  const d2 = mix(w2, inputs, INPUTS);
  const logit = (d1 + d2) >> 1;
  const r1 = refinementAt(refinement, logit, best * 64 + (miss << 5) + (run >> 1) * 2);
  const r2 = refinementAt(refinement2, logit, hash(oldHere, o1) >>> (32 - REFINEMENT_BITS));
  const mixed = (2 * squash(logit) + refined(r1, logit) + refined(r2, logit)) >> 2;
  costKind(KIND_FLAGS);
  const hit = codeBit(actual, mixed);
  train(w, inputs, INPUTS, hit, squash(d1), RATE);
  train(w2, inputs, INPUTS, hit, squash(d2), RATE);
  refine(r1, logit, hit);
  refine(r2, logit, hit);
  for (let k = 0; k < CONTEXTS; k++) {
    const counter = load<u32>(counters + <usize>(4 * k));
    store<u32>(<usize>load<u32>(slots + <usize>(4 * k)), updatedFine(counter, hit, load<u8>(limits + k)));
  }
  return hit;
}
