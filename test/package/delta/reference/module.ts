/** The module at hand: everything about it that is made from the old file, the lists, and the headers of the new one. */

import { type Elf, type Machine, parseElf } from './elf.ts';
import type { File } from './files.ts';
import { Hints } from './hints.ts';
import { LearnedTargets } from './learned.ts';
import type { Hint, ModuleEntry, Segment } from './lists.ts';
import { SegmentMap } from './map.ts';
import { baseBefore, tableBases } from './records.ts';
import { openOld, References } from './references.ts';
import { Renumbering } from './renumbering.ts';
import type { State } from './state.ts';
import { Targets } from './targets.ts';

const KIND_PLAIN = 0;
/** The machines of flat images, by the kind of the module. */
const FLAT_MACHINES: readonly Machine[] = ['none', 'none', 'a64', 'x64'];
/** So much of a new ELF file must be known before its headers are read; what they say behind it is not looked at. */
const HEADERS_BYTES = 4096;

/** Both modules, once the headers of the new one are known. */
export interface Pair {
  readonly next: Elf;
  readonly targets: Targets;
}

/** What is there where the old module could be read. */
export class OldModule {
  readonly elf: Elf;
  readonly references: References;
  readonly learned = new LearnedTargets();
  /** Of names and of types, where there is BTF. */
  readonly renumberings: readonly Renumbering[] | undefined;
  readonly #files: { readonly old: File; readonly next: File };
  readonly #entry: ModuleEntry;
  readonly #map: SegmentMap;
  readonly #bases: Uint32Array;
  readonly #state: State;
  /** undefined: not yet known; 'none': there is no new one that could be read. */
  #pair: Pair | 'none' | undefined;

  constructor(
    elf: Elf,
    files: { readonly old: File; readonly next: File },
    entry: ModuleEntry,
    map: SegmentMap,
    hints: Hints,
    state: State,
  ) {
    this.elf = elf;
    this.#files = files;
    this.#entry = entry;
    this.#map = map;
    this.#state = state;
    this.references = new References(files.old, elf, hints);
    this.#bases = tableBases(files.old, elf);
    const { types } = this.references;
    this.renumberings = types.from < types.to ? [new Renumbering(), new Renumbering()] : undefined;
  }

  /** Where the table of jumps starts that an address is in, if any. */
  baseBefore(address: bigint): bigint | undefined {
    return baseBefore(this.elf, this.#bases, address);
  }

  /** Called when new[n] is about to be decoded. */
  pairAt(n: number): Pair | undefined {
    this.#pair ??= this.#openPair(n);
    return this.#pair === 'none' ? undefined : this.#pair;
  }

  #openPair(n: number): Pair | 'none' | undefined {
    const { newStart, newEnd } = this.#entry;
    const [bytes, { elf }] = [newEnd - newStart, this];
    // A new image is taken to be as long as the old one.
    if (elf.flat) return this.#pairWith({ ...elf, start: newStart });
    const headersBytes = Math.min(HEADERS_BYTES, bytes);
    if (n - newStart < headersBytes) return undefined;
    const next = parseElf(this.#files.next, newStart, bytes, headersBytes);
    if (next === undefined) return 'none';
    const pair = this.#pairWith(next);
    if (elf.stringsAddress !== 0n) next.stringsAddress = pair.targets.mapAddress(elf.stringsAddress) ?? 0n;
    return pair;
  }

  #pairWith(next: Elf): Pair {
    const targets = new Targets(this.elf, next, this.#map, this.learned, this.renumberings, this.#state);
    return { next, targets };
  }
}

export interface OpenModule extends ModuleEntry {
  /** Whose instructions are in it, also where it has no old file. */
  readonly machine: Machine;
  readonly old: OldModule | undefined;
}

export function openModule(
  index: number,
  entry: ModuleEntry,
  files: { readonly old: File; readonly next: File },
  segments: readonly Segment[],
  hints: readonly Hint[],
  state: State,
): OpenModule {
  const flat = FLAT_MACHINES[entry.kind];
  const oldBytes = entry.oldEnd - entry.oldStart;
  const isRead = entry.kind !== KIND_PLAIN && oldBytes > 0;
  const elf = isRead ? openOld(files.old, entry.oldStart, oldBytes, flat) : undefined;
  if (elf === undefined) return { ...entry, machine: flat, old: undefined };
  const map = new SegmentMap(segments, entry);
  const old = new OldModule(elf, files, entry, map, new Hints(hints, index), state);
  return { ...entry, machine: elf.machine, old };
}
