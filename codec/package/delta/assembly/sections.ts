/** Which section of the old module an offset is in. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { O, addressOf, sectionOf, loadOf, SECTION_NONE, SECTION_CODE } from './elf';

/** The section found last: offsets, the address of its first byte, kind. */
export let sectionFrom: i64 = 1;
export let sectionTo: i64 = 0;
export let sectionAddress: i64 = 0;
let sectionKind: i32 = 0;

export function forgetSection(): void {
  sectionFrom = 1;
  sectionTo = 0;
}

/** Kind of the section that holds this offset of the old module. */
export function kindAt(offset: i64): i32 {
  if (offset >= sectionFrom && offset < sectionTo) return sectionKind;
  let next = i64.MAX_VALUE;
  for (let k = 0; k < O.sectionCount; k++) {
    const section = sectionOf(O, k);
    if (offset >= section.offset && offset < section.offset + section.bytes) {
      sectionFrom = section.offset;
      sectionTo = section.offset + section.bytes;
      sectionAddress = section.address;
      sectionKind = section.kind;
      return sectionKind;
    }
    if (section.offset > offset) next = min(next, section.offset);
  }
  sectionFrom = offset;
  sectionTo = next;
  sectionKind = SECTION_NONE;
  if (O.sectionCount == 0 && addressOf(O, offset)) {
    // Without section headers: what is executable counts as code.
    for (let k = 0; k < O.loadCount; k++) {
      const load = loadOf(O, k);
      if (offset >= load.offset && offset < load.offset + load.fileBytes) {
        sectionFrom = load.offset;
        sectionTo = load.offset + load.fileBytes;
        sectionAddress = load.address;
        sectionKind = load.executable ? SECTION_CODE : SECTION_NONE;
      }
    }
  }
  return sectionKind;
}
