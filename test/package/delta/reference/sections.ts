/** Which section of the old module an offset is in. */

import { addressOf, type Elf, type SectionKind } from './elf.ts';

/**
 * The section found last is asked first: where sections overlap, that decides. Where no section is, the stretch up to the next one counts as
 * a section of no kind, whose address is the one of the section before.
 */
export class SectionFinder {
  readonly #elf: Elf;
  /** Offsets, and the address of the first byte. */
  from = 1;
  to = 0;
  address = 0n;
  #kind: SectionKind = 'none';

  constructor(elf: Elf) {
    this.#elf = elf;
  }

  kindAt(offset: number): SectionKind {
    if (offset >= this.from && offset < this.to) return this.#kind;
    let next = Number.POSITIVE_INFINITY;
    for (const section of this.#elf.sections) {
      if (offset >= section.offset && offset < section.offset + section.bytes)
        return this.#found(section.offset, section.bytes, section.address, section.kind);
      if (section.offset > offset) next = Math.min(next, section.offset);
    }
    this.from = offset;
    this.to = next;
    this.#kind = 'none';
    if (this.#elf.sections.length === 0 && addressOf(this.#elf, offset) !== undefined)
      // Without section headers: what is executable counts as code. The last load counts, where several hold the offset.
      for (const load of this.#elf.loads)
        if (offset >= load.offset && offset < load.offset + load.fileBytes)
          this.#found(load.offset, load.fileBytes, load.address, load.executable ? 'code' : 'none');
    return this.#kind;
  }

  #found(offset: number, bytes: number, address: bigint, kind: SectionKind): SectionKind {
    this.from = offset;
    this.to = offset + bytes;
    this.address = address;
    this.#kind = kind;
    return kind;
  }
}
