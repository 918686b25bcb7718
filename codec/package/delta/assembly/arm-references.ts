/** References in code of 32-bit ARM. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { old32 } from './memory';
import { O } from './elf';
import { found, foundWith, REF_A32, REF_HALF, REF_THUMB, REF_WORD } from './found';
import { markAt, wordAbout, MARK_BRANCH, MARK_WORD, HALF, HALF_UPPER } from './arm-records';
import { a32Target, movedHalf, thumbTarget } from './arm';

/** at: where old[offset] of the module stands in the window; to: end of its section. */
export function armReference(at: usize, offset: i64, to: i64, address: i64, thumb: bool): bool {
  if (offset & 1 || offset + 4 > to) return false;
  const mark = markAt(offset);
  if (mark == MARK_BRANCH) {
    const goal = thumb ? thumbTarget(load<u32>(at), address) : a32Target(load<u32>(at), address);
    return goal >= O.lowest && goal < O.highest && found(thumb ? REF_THUMB : REF_A32, goal);
  }
  if (mark != MARK_WORD) return false;
  const about = wordAbout(offset);
  if ((about & HALF) == 0) {
    const base = about ? O.lowest + <i64>about - 1 : 0;
    return foundWith(REF_WORD, base + (base ? <i64>load<i32>(at) : <i64>load<u32>(at)), base);
  }
  const apart = <i64>((about >>> 8) & 255) << 1;
  const counter = <i64>(about & 255) << 1;
  const lower = about & HALF_UPPER ? offset - apart : offset;
  const toAddress = address - offset;
  const value = movedHalf(old32(O.start + lower), thumb) | (movedHalf(old32(O.start + lower + apart), thumb) << 16);
  const base = counter ? toAddress + lower + counter + (thumb ? 4 : 8) : 0;
  return foundWith(REF_HALF, base ? base + <i64>(<i32>value) : <i64>value, base);
}
