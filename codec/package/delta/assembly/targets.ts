/** Where the target of a reference went in the new module, and what the field then holds. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { O, N, addressOf, addressFound, offsetOf, loadOf } from './elf';
import { mapPosition, mapConfidence } from './map';
import { withTarget } from './aarch64';
import { a32Move, thumbMove, withA32Target, withHalf, withThumbTarget } from './arm';
import { learnedTarget, nearestValue, nearestConfidence } from './learned';
import {
  refType,
  refTarget,
  refExtra,
  REF_X64,
  REF_A64,
  REF_POINTER,
  REF_FRAME_INDEX,
  REF_FRAME,
  REF_SYMBOL,
  REF_NAME,
  REF_CIE,
  REF_RANGE,
  REF_TYPE_NAME,
  REF_TYPE,
  REF_RELATIVE,
  REF_IMAGE,
  REF_THUMB,
  REF_A32,
  REF_WORD,
  REF_HALF,
  REF_UNWIND,
  REF_RELOCATION,
} from './found';

/** Address of the first byte of a flat image. */
@inline
export function imageBase(): i64 {
  return O.flat ? loadOf(O, 0).address : 0;
}

export let targetFound: i64 = 0;

/** Where an address of the old module is in the new one. */
export function mapAddress(address: i64, useLearned: bool): bool {
  if (useLearned) {
    const learned = learnedTarget(address - O.lowest);
    if (learned >= 0) {
      targetFound = learned + N.lowest;
      S.confidence = 3;
      return true;
    }
  }
  const offset = offsetOf(O, address);
  if (offset >= 0) {
    const position = mapPosition(O.start + offset);
    S.confidence = mapConfidence;
    if (position < 0) return false;
    if (addressOf(N, position - N.start)) {
      targetFound = addressFound();
      return true;
    }
    S.confidence = 0;
    targetFound = address;
    return true;
  }
  // Past the file: zeros that are only in memory.
  const a = loadOf(O, O.loadCount - 1);
  const b = loadOf(N, N.loadCount - 1);
  targetFound = address + (b.address + b.fileBytes) - (a.address + a.fileBytes);
  S.confidence = 0;
  return true;
}

/** Where the target of the reference found last is in the new module: `targetFound`. */
export function targetInNew(): bool {
  if (refType == REF_TYPE_NAME || refType == REF_TYPE) {
    if (!nearestValue(refType - REF_TYPE_NAME, <u32>refTarget)) return false;
    targetFound = nearestConfidence.value;
    S.confidence = nearestConfidence.confidence;
    return true;
  }
  if (refType == REF_SYMBOL || refType == REF_RELOCATION) {
    const bytes: i64 = O.narrow ? 16 : 24;
    if (O.symbolsAddress == 0 || !mapAddress(O.symbolsAddress + refTarget * bytes, false)) return false;
    const at = targetFound;
    if (!mapAddress(O.symbolsAddress, false)) return false;
    targetFound = (at - targetFound) / bytes;
    return true;
  }
  if (refType == REF_NAME && O.stringsAddress == 0) return false;
  return mapAddress(refTarget, false);
}

export let valueBytes: i32 = 0;
export let valueFound: u64 = 0;

/** What the field holds when it stands at `address` of the new module and its target is `to`. old: what it held. */
export function valueOf(old: u32, address: i64, to: i64): bool {
  valueBytes = 4;
  switch (refType) {
    case REF_X64:
      valueFound = <u32>(to - (address + 4));
      return true;
    case REF_A64:
      valueFound = withTarget(old, address, to);
      return true;
    case REF_POINTER:
      valueBytes = 8;
      valueFound = to;
      return true;
    case REF_FRAME_INDEX:
      valueFound = <u32>(to - N.frameIndexAddress);
      return true;
    case REF_FRAME:
    case REF_RELATIVE:
      valueFound = <u32>(to - address);
      return true;
    case REF_IMAGE:
      valueFound = <u32>(to - imageBase());
      return true;
    case REF_CIE:
      valueFound = <u32>(address - to);
      return true;
    case REF_RANGE: {
      const confidence = S.confidence;
      if (!mapAddress(refTarget + refExtra - 1, false)) return false;
      S.confidence = confidence;
      valueFound = <u32>(targetFound + 1 - to);
      targetFound = to;
      return true;
    }
    case REF_NAME:
      valueFound = <u32>(to - (N.stringsAddress ? N.stringsAddress : O.stringsAddress));
      return true;
    case REF_THUMB:
      valueFound = withThumbTarget(old, address, to);
      return true;
    case REF_A32:
      valueFound = withA32Target(old, address, to);
      return true;
    case REF_WORD:
    case REF_HALF: {
      let value = <u32>to;
      if (refExtra) {
        const confidence = S.confidence;
        if (!mapAddress(refExtra, false)) return false;
        S.confidence = confidence;
        value -= <u32>targetFound;
        targetFound = to;
      }
      valueFound = refType == REF_WORD ? value : withHalves(old, value);
      return true;
    }
    case REF_UNWIND:
      valueFound = <u32>(to - address) & 0x7fffffff;
      return true;
    case REF_RELOCATION:
      valueFound = (<u32>to << 8) | (old & 255);
      return true;
    case REF_SYMBOL:
    case REF_TYPE_NAME:
    case REF_TYPE:
      valueFound = to;
      return true;
  }
  return false;
}

/** A MOVW or MOVT with its half of a word. In what instructions it is, they tell themselves. */
function withHalves(old: u32, value: u32): u32 {
  const thumb = thumbMove(old);
  if (thumb) return withHalf(old, true, thumb == 1 ? value & 0xffff : value >>> 16);
  return withHalf(old, false, a32Move(old) == 1 ? value & 0xffff : value >>> 16);
}
