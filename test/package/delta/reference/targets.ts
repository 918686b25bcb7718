/** Where the target of a reference went in the new module, and what the field then holds. */

import { withTarget } from './aarch64.ts';
import { withA32Target, withHalf, withThumbTarget } from './arm.ts';
import { addressOf, type Elf, imageBase, offsetOf } from './elf.ts';
import type { LearnedTargets } from './learned.ts';
import type { SegmentMap } from './map.ts';
import { type Reference, RefType } from './reference.ts';
import type { Renumbering } from './renumbering.ts';
import type { State } from './state.ts';

const SYMBOL_BYTES = 24n;
const NARROW_SYMBOL_BYTES = 16n;

/** The bytes of a field, little endian. */
export interface FieldValue {
  readonly bytes: 4 | 8;
  readonly value: bigint;
}

export class Targets {
  readonly #old: Elf;
  readonly #next: Elf;
  readonly #map: SegmentMap;
  readonly #learned: LearnedTargets;
  /** Of names and of types; undefined where the old module has no BTF. */
  readonly #renumberings: readonly Renumbering[] | undefined;
  readonly #state: State;

  constructor(
    old: Elf,
    next: Elf,
    map: SegmentMap,
    learned: LearnedTargets,
    renumberings: readonly Renumbering[] | undefined,
    state: State,
  ) {
    this.#old = old;
    this.#next = next;
    this.#map = map;
    this.#learned = learned;
    this.#renumberings = renumberings;
    this.#state = state;
  }

  /** What was learned, of an address of the old module. */
  learned(address: bigint): bigint | undefined {
    const now = this.#learned.get(address - this.#old.lowest);
    return now === undefined ? undefined : this.#next.lowest + now;
  }

  /** Where an address of the old module is in the new one. Says how sure that is in the state, also where it is unknown. */
  mapAddress(address: bigint): bigint | undefined {
    const offset = offsetOf(this.#old, address);
    if (offset === undefined) {
      // Past the file: zeros that are only in memory.
      this.#state.confidence = 0;
      return address + endOfLast(this.#next) - endOfLast(this.#old);
    }
    const { position, confidence } = this.#map.map(this.#old.start + offset);
    this.#state.confidence = confidence;
    if (position < 0) return undefined;
    const mapped = addressOf(this.#next, position - this.#next.start);
    if (mapped !== undefined) return mapped;
    this.#state.confidence = 0;
    return address;
  }

  /** How sure it is stays unsaid, where it is known. */
  #mapUnsaid(address: bigint): bigint | undefined {
    const { confidence } = this.#state;
    const mapped = this.mapAddress(address);
    if (mapped !== undefined) this.#state.confidence = confidence;
    return mapped;
  }

  /** What a word is counted from, in the new module; 0 where it is nothing, or unknown. */
  counted(base: bigint): bigint {
    if (base === 0n) return 0n;
    const { confidence } = this.#state;
    const mapped = this.mapAddress(base) ?? 0n;
    this.#state.confidence = confidence;
    return mapped;
  }

  mapLearned(address: bigint): bigint | undefined {
    const learned = this.learned(address);
    if (learned === undefined) return this.mapAddress(address);
    this.#state.confidence = 3;
    return learned;
  }

  /** Where the target of a reference is in the new module. Says how sure that is in the state. */
  inNew({ type, target }: Reference): bigint | undefined {
    switch (type) {
      case RefType.typeName:
      case RefType.type: {
        const renumbered = this.#renumberings?.[type - RefType.typeName].get(Number(target));
        if (renumbered === undefined) return undefined;
        this.#state.confidence = renumbered.confidence;
        return BigInt(renumbered.value);
      }
      case RefType.symbol:
      case RefType.relocation: {
        const symbolBytes = this.#old.narrow ? NARROW_SYMBOL_BYTES : SYMBOL_BYTES;
        const table = this.#old.symbolsAddress;
        const symbol = table === 0n ? undefined : this.mapAddress(table + target * symbolBytes);
        const first = symbol === undefined ? undefined : this.mapAddress(table);
        return symbol === undefined || first === undefined ? undefined : (symbol - first) / symbolBytes;
      }
      case RefType.name:
        return this.#old.stringsAddress === 0n ? undefined : this.mapAddress(target);
      case RefType.x64:
      case RefType.a64:
      case RefType.pointer:
      case RefType.frameIndex:
      case RefType.frame:
      case RefType.cie:
      case RefType.range:
      case RefType.relative:
      case RefType.image:
      case RefType.thumb:
      case RefType.a32:
      case RefType.word:
      case RefType.half:
      case RefType.unwind:
        break;
    }
    return this.mapAddress(target);
  }

  /** What the field of a reference holds when it stands at an address of the new module and its target is `to`. oldWord: what it held. */
  valueOf({ type, target, extra }: Reference, oldWord: number, address: bigint, to: bigint): FieldValue | undefined {
    switch (type) {
      case RefType.x64:
        return word(to - (address + 4n));
      case RefType.a64:
        return word(BigInt(withTarget(oldWord, address, to)));
      case RefType.pointer:
        return { bytes: 8, value: BigInt.asUintN(64, to) };
      case RefType.frameIndex:
        return word(to - this.#next.frameIndexAddress);
      case RefType.frame:
      case RefType.relative:
        return word(to - address);
      case RefType.image:
        return word(to - imageBase(this.#old));
      case RefType.cie:
        return word(address - to);
      case RefType.range: {
        // To where the last byte of the function went.
        const last = this.#mapUnsaid(target + extra - 1n);
        return last === undefined ? undefined : word(last + 1n - to);
      }
      case RefType.name:
        return word(to - (this.#next.stringsAddress === 0n ? this.#old.stringsAddress : this.#next.stringsAddress));
      case RefType.thumb:
        return word(BigInt(withThumbTarget(oldWord, address, to)));
      case RefType.a32:
        return word(BigInt(withA32Target(oldWord, address, to)));
      case RefType.word:
      case RefType.half: {
        const from = extra === 0n ? 0n : this.#mapUnsaid(extra);
        if (from === undefined) return undefined;
        const value = BigInt.asUintN(32, to - from);
        return word(type === RefType.word ? value : BigInt(withHalf(oldWord, Number(value))));
      }
      case RefType.unwind:
        return word((to - address) & 0x7fff_ffffn);
      case RefType.relocation:
        return word((to << 8n) | BigInt(oldWord & 255));
      case RefType.symbol:
      case RefType.typeName:
      case RefType.type:
        break;
    }
    return word(to);
  }
}

function word(value: bigint): FieldValue {
  return { bytes: 4, value: BigInt.asUintN(32, value) };
}

/** Address of the end of what the file has of the last load. */
function endOfLast(elf: Elf): bigint {
  const last = elf.loads[elf.loads.length - 1];
  return last.address + BigInt(last.fileBytes);
}
