/** Fields of guesses: what a field of the new file may hold, each with a reason. */

import { branchTarget, isBranch } from './aarch64.ts';
import { a32Target, isThumbBranch, sameKind, thumbTarget } from './arm.ts';
import { addressIn, holdsAddress, imageBase, loadAt, type SectionKind } from './elf.ts';
import { type Fields, Kind } from './fields.ts';
import type { File } from './files.ts';
import type { OldModule, OpenModule, Pair } from './module.ts';
import { isFar, type Reference, RefType } from './reference.ts';
import type { State } from './state.ts';

/** A field whose target is learned once it is known. */
interface Pending {
  readonly n: number;
  readonly old: OldModule;
  readonly pair: Pair;
  readonly reference: Reference;
  /** Address of the field in the new module. */
  readonly address: bigint;
  readonly oldWord: number;
}

/** Sections whose words are references of their own, or none. */
const WITHOUT_WORDS: ReadonlySet<SectionKind> = new Set<SectionKind>([
  ...(['code', 'relocations', 'symbols', 'frame index'] as const),
  ...(['frames', 'dynamic', 'types', 'short relocations', 'unwind', 'a32 code'] as const),
]);
/** Offsets from the start of an image that are more often small numbers. */
const ADDRESS_LEAST = 256n;
/** How many bytes before the neighbours stand that are moved alike. */
const COLUMNS = [
  [Kind.column4, 4],
  [Kind.column8, 8],
  [Kind.column24, 24],
] as const;

export class Candidates {
  readonly #old: File;
  readonly #next: File;
  readonly #fields: Fields;
  readonly #state: State;
  #pending: Pending | undefined;

  constructor(files: { readonly old: File; readonly next: File }, fields: Fields, state: State) {
    this.#old = files.old;
    this.#next = files.next;
    this.#fields = fields;
    this.#state = state;
  }

  forgetPending(): void {
    this.#pending = undefined;
  }

  /** Sets the fields that start at new[n], which lies on old[p] in a segment from segmentStart on. */
  start(n: number, p: number, segmentStart: number, module: OpenModule | undefined): void {
    const inside = module !== undefined && p >= module.oldStart && p < module.oldEnd;
    const offset = inside ? p - module.oldStart : p;
    if (offset % 4 === 0 && p + 4 <= this.#old.sizeBytes) this.#startColumns(n, p, segmentStart);
    if (inside && module.old !== undefined) this.#startInModule(n, p, offset, module.old);
  }

  /** The old word, moved as its neighbours were. */
  #startColumns(n: number, p: number, segmentStart: number): void {
    for (const [kind, back] of COLUMNS) {
      this.#fields.drop(kind);
      if (n - back < segmentStart) continue;
      const moved = (this.#next.u32(n - back) - this.#old.u32(p - back)) >>> 0;
      if (moved !== 0) this.#fields.set(kind, n, 4, BigInt((this.#old.u32(p) + moved) >>> 0));
    }
  }

  #startInModule(n: number, p: number, offset: number, old: OldModule): void {
    const load = loadAt(old.elf, offset);
    if (load === undefined || p + 8 > this.#old.sizeBytes) return;
    const pair = old.pairAt(n);
    const newOffset = pair === undefined ? 0 : n - pair.next.start;
    const newLoad = pair === undefined ? undefined : loadAt(pair.next, newOffset);
    if (pair === undefined || newLoad === undefined) return;
    const kind = old.elf.flat ? 'none' : old.references.sections.kindAt(offset);
    const reference = old.references.at(offset);
    if (reference !== undefined)
      this.#startReference({
        n,
        old,
        pair,
        reference,
        address: addressIn(newLoad, newOffset),
        oldWord: this.#old.u32(p),
      });
    if (offset % 4 !== 0 || (load.executable && !old.elf.flat) || WITHOUT_WORDS.has(kind)) return;
    this.#startWord(n, this.#old.u32(p), old, pair, addressIn(load, offset), addressIn(newLoad, newOffset));
  }

  #startReference(at: Pending): void {
    const { n, pair, reference, address, oldWord } = at;
    const { type } = reference;
    this.#fields.drop(Kind.reference);
    this.#fields.drop(Kind.learned);
    this.#state.referenceType = type;
    const isNumber = type === RefType.typeName || type === RefType.type;
    if (isNumber) this.#pending = at;
    const to = pair.targets.inNew(reference);
    const value = to === undefined ? undefined : pair.targets.valueOf(reference, oldWord, address, to);
    if (value === undefined) return;
    this.#fields.set(Kind.reference, n, value.bytes, value.value);
    if (isNumber) return;
    const learned = pair.targets.learned(reference.target);
    const other = learned === undefined ? undefined : pair.targets.valueOf(reference, oldWord, address, learned);
    if (other !== undefined) this.#fields.set(Kind.learned, n, other.bytes, other.value);
    if (type === RefType.word) this.#pending = { ...at, address: pair.targets.counted(reference.extra) };
    else if (type !== RefType.a64 || isBranch(oldWord)) this.#pending = at;
  }

  /** Words that may be relative to themselves, to the start of the image, or to that of their table. */
  #startWord(n: number, word: number, old: OldModule, { targets }: Pair, address: bigint, newAddress: bigint): void {
    const { elf } = old;
    const distance = BigInt(word | 0);
    const isReference = this.#fields.covers(Kind.reference, n);
    if (!isReference) {
      const isTarget = isFar(word) && holdsAddress(elf, address + distance);
      const to = isTarget ? this.#sure(() => targets.mapLearned(address + distance)) : undefined;
      this.#setWord(Kind.reference, n, to, newAddress);
    }
    const base = imageBase(elf);
    const goal = base + BigInt(word);
    const { confidence } = this.#state;
    const isGoal = goal >= elf.lowest + ADDRESS_LEAST && goal < elf.highest;
    const to = isGoal ? this.#sure(() => targets.mapLearned(goal)) : undefined;
    this.#setWord(Kind.address, n, to, base);
    if (isReference) this.#state.confidence = confidence;
    this.#fields.drop(Kind.table);
    const table = old.baseBefore(address);
    if (table === undefined) return;
    const before = this.#state.confidence;
    const there = holdsAddress(elf, table + distance) ? targets.mapLearned(table + distance) : undefined;
    const newTable = there === undefined ? undefined : targets.mapLearned(table);
    if (newTable !== undefined) this.#setWord(Kind.table, n, there, newTable);
    this.#state.confidence = before;
  }

  /** A target that is unknown leaves the confidence as it was. */
  #sure(map: () => bigint | undefined): bigint | undefined {
    const { confidence } = this.#state;
    const to = map();
    if (to === undefined) this.#state.confidence = confidence;
    return to;
  }

  #setWord(kind: number, n: number, to: bigint | undefined, from: bigint): void {
    if (to === undefined) this.#fields.drop(kind);
    else this.#fields.set(kind, n, 4, BigInt.asUintN(32, to - from));
  }

  /** After new[n] is known: learns where a target went, or how a number was moved, if that was the last byte of its field. */
  finish(n: number): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { type, target } = pending.reference;
    if (n !== pending.n + (type === RefType.pointer ? 7 : 3)) return;
    this.#pending = undefined;
    const { old, pair } = pending;
    if (type === RefType.typeName || type === RefType.type) {
      const number = Number(target);
      old.renumberings?.[type - RefType.typeName].learn(number, (this.#next.u32(pending.n) - number) | 0);
      return;
    }
    const to = this.#targetOf(pending);
    if (to !== undefined) old.learned.learn(target - old.elf.lowest, to - pair.next.lowest);
  }

  /** Where the field leads, as it is in the new file. */
  #targetOf({ n, old, pair, reference, address, oldWord }: Pending): bigint | undefined {
    const word = this.#next.u32(n);
    const distance = BigInt(word | 0);
    switch (reference.type) {
      case RefType.x64:
        return address + 4n + distance;
      case RefType.pointer:
        return this.#next.i64(n);
      case RefType.frame:
      case RefType.relative:
        return address + distance;
      case RefType.image:
        return imageBase(old.elf) + BigInt(word);
      case RefType.frameIndex:
        return pair.next.frameIndexAddress + distance;
      case RefType.a64:
        return (word & 0xfc00_0000) === (oldWord & 0xfc00_0000) ? branchTarget(word, address) : undefined;
      case RefType.thumb:
        return isThumbBranch(word) && sameKind(word, oldWord) ? thumbTarget(word, address) : undefined;
      case RefType.a32:
        return word >>> 24 === oldWord >>> 24 ? a32Target(word, address) : undefined;
      case RefType.unwind:
        return address + BigInt((word << 1) >> 1);
      case RefType.word:
        return address === 0n ? BigInt(word) : address + distance;
      case RefType.half:
      case RefType.relocation:
      case RefType.symbol:
      case RefType.name:
      case RefType.cie:
      case RefType.range:
      case RefType.typeName:
      case RefType.type:
        break;
    }
    return undefined;
  }
}
