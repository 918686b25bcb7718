/** The new file, front to back: runs and blocks that are copies cost a flag; the rest is decoded byte by byte. */

import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { ByteDecoder } from './byte.ts';
import { Candidates } from './candidates.ts';
import { PlainCounters } from './counters.ts';
import { Fields } from './fields.ts';
import type { BothFiles } from './files.ts';
import { bitsOf } from './hash.ts';
import type { Hint, ModuleEntry, Segment } from './lists.ts';
import { clamped } from './logistic.ts';
import { MatchModel } from './match.ts';
import { openModule, type OpenModule } from './module.ts';
import { RefType } from './reference.ts';
import { State } from './state.ts';

const CHUNK_BYTES = 1 << 18;
const BLOCK_BYTES = 1024;
const RUN_LEAST_BYTES = 8192;
const P_LEAST = 336;
const COUNTER_LIMIT = 250;
/** Of blocks there are 64 contexts, of runs 32, of blocks in gaps 8 for each of two questions. */
const RUN_CONTEXTS_AT = 64;
const ZEROS_CONTEXTS_AT = 96;
const MATCHED_CONTEXTS_AT = 104;
const RUN_BITS_LEAST = 13;
/** Bits of the smallest table of the match model. */
const MATCH_BITS = 16;

export interface Lists {
  readonly modules: readonly ModuleEntry[];
  readonly segments: readonly Segment[];
  readonly hints: readonly Hint[];
}

export class BlockDecoder {
  readonly #coder: ArithmeticDecoder;
  readonly #files: BothFiles;
  readonly #lists: Lists;
  readonly #state = new State();
  readonly #fields = new Fields();
  readonly #candidates: Candidates;
  readonly #match: MatchModel;
  readonly #bytes: ByteDecoder;
  readonly #counters = new PlainCounters(MATCHED_CONTEXTS_AT + 8);
  #n = 0;
  #segment = 0;
  #nextModule = 0;
  #module: OpenModule | undefined;
  /** Whether the last blocks, and runs, were copies: the last one lowest. */
  #lastBlocks = 0;
  #lastRuns = 0;
  /** Of the last three blocks in gaps, whether they were zeros; and of three that were asked about, whether they were as the match said. */
  #lastZeros = 0;
  #lastMatched = 0;
  /** Up to here a run was refused: blocks follow. */
  #refusedTo = 0;

  constructor(coder: ArithmeticDecoder, files: BothFiles, lists: Lists, tables: number) {
    this.#coder = coder;
    this.#files = files;
    this.#lists = lists;
    this.#candidates = new Candidates(files, this.#fields, this.#state);
    this.#match = new MatchModel(files, MATCH_BITS + tables);
    const parts = { coder, files, state: this.#state, fields: this.#fields, candidates: this.#candidates };
    this.#bytes = new ByteDecoder({ ...parts, match: this.#match }, tables);
  }

  /** How much of the new file is made. */
  get doneBytes(): number {
    return this.#n;
  }

  /** Makes all of the old file known to the match model; before the first step. */
  indexOld(): void {
    this.#match.indexOld(0, this.#files.old.sizeBytes);
  }

  /** Decodes some bytes: a run, a block, or a stretch of a gap; never past the end of a chunk, or of a module. */
  step(): void {
    const n = this.#n;
    this.#enterOrLeave(n);
    const { segments } = this.#lists;
    while (this.#segment < segments.length && endOf(segments[this.#segment]) <= n) this.#segment++;
    const segment = this.#segment < segments.length ? segments[this.#segment] : undefined;
    if (segment !== undefined && n >= segment.newStart) this.#stepOnOld(n, segment);
    else this.#stepInGap(n, this.#bounded(segment?.newStart ?? this.#files.next.sizeBytes));
  }

  #enterOrLeave(n: number): void {
    if (this.#module !== undefined && n >= this.#module.newEnd) {
      this.#module = undefined;
      this.#fields.dropAll();
      this.#candidates.forgetPending();
    }
    const { modules, segments, hints } = this.#lists;
    const index = this.#nextModule;
    if (index === modules.length || n !== modules[index].newStart) return;
    const entry = modules[index];
    this.#nextModule++;
    this.#module = openModule(index, entry, this.#files, segments, hints, this.#state);
    if (entry.indexed) this.#match.indexOld(entry.oldStart, entry.oldEnd);
  }

  /** The end of what may be decoded at once. */
  #bounded(end: number): number {
    const { modules } = this.#lists;
    const chunkEnd = (Math.floor(this.#n / CHUNK_BYTES) + 1) * CHUNK_BYTES;
    const next = this.#nextModule < modules.length ? modules[this.#nextModule].newStart : end;
    return Math.min(end, chunkEnd, this.#module?.newEnd ?? next);
  }

  #stepOnOld(n: number, segment: Segment): void {
    const p = segment.oldStart + n - segment.newStart;
    const runEnd = this.#bounded(endOf(segment));
    if (runEnd - n >= RUN_LEAST_BYTES && n >= this.#refusedTo) {
      const length = Math.min(bitsOf(runEnd - n) - RUN_BITS_LEAST, 7);
      const same = this.#isSame(RUN_CONTEXTS_AT + ((this.#lastRuns & 3) | (length << 2)));
      this.#lastRuns = (this.#lastRuns << 1) | same;
      if (same === 1) {
        this.#copy(p, n, runEnd);
        return;
      }
      this.#refusedTo = runEnd;
    }
    const blockEnd = Math.min(runEnd, n + BLOCK_BYTES);
    const length = Math.min(bitsOf(blockEnd - n), 11) >> 2;
    const same = this.#isSame((this.#lastBlocks & 3) | (length << 2) | (((this.#lastBlocks >> 2) & 3) << 4));
    this.#lastBlocks = (this.#lastBlocks << 1) | same;
    if (same === 1) {
      this.#copy(p, n, blockEnd);
      return;
    }
    for (let at = n; at < blockEnd; at++) {
      const oldAt = p + at - n;
      this.#candidates.start(at, oldAt, segment.newStart, this.#module);
      this.#bytes.onOld(at, oldAt, { fromBytes: at - segment.newStart, leftBytes: endOf(segment) - at });
    }
    this.#n = blockEnd;
  }

  #stepInGap(n: number, end: number): void {
    this.#fields.dropAll();
    for (let at = n; at < end; ) {
      const mayBePassed = at % BLOCK_BYTES === 0 && end - at >= BLOCK_BYTES;
      if (mayBePassed && this.#passBlock(at)) at += BLOCK_BYTES;
      else at += this.#bytes.inGap(at, end - at, this.#module);
    }
    this.#n = end;
  }

  /** A block that is zeros, or goes on as the match does. False where it is neither. */
  #passBlock(n: number): boolean {
    const { next } = this.#files;
    const zeros = this.#isSame(ZEROS_CONTEXTS_AT + this.#lastZeros);
    this.#lastZeros = ((this.#lastZeros << 1) | zeros) & 7;
    let matched: 0 | 1 = 0;
    if (zeros === 0 && this.#match.reaches(n, BLOCK_BYTES)) {
      matched = this.#isSame(MATCHED_CONTEXTS_AT + this.#lastMatched);
      this.#lastMatched = ((this.#lastMatched << 1) | matched) & 7;
    }
    if (zeros === 0 && matched === 0) return false;
    const from = this.#match.at;
    for (let k = 0; k < BLOCK_BYTES; k++) next.bytes[n + k] = zeros === 1 ? 0 : this.#files.u8(from + k);
    this.#match.pass(n, BLOCK_BYTES, matched === 1);
    this.#state.passedGap(n + BLOCK_BYTES);
    return true;
  }

  /** Whether what follows is a copy. */
  #isSame(context: number): 0 | 1 {
    const same = this.#coder.bit(clamped(this.#counters.p(context), P_LEAST));
    this.#counters.update(context, same, COUNTER_LIMIT);
    return same;
  }

  /** new[n, to) is old[p, ...). Nothing is learned of it but that names and types in it kept their numbers. */
  #copy(p: number, n: number, to: number): void {
    const { old, next } = this.#files;
    const count = to - n;
    next.bytes.set(old.bytes.subarray(p, p + count), n);
    const module = this.#module;
    if (module !== undefined && p >= module.oldStart && p + count <= module.oldEnd)
      keepNumbers(module, p - module.oldStart, p - module.oldStart + count);
    this.#state.runLength = (this.#state.runLength + count) | 0;
    this.#state.forgetHistory();
    this.#candidates.forgetPending();
    this.#fields.dropAll();
    this.#match.length = 0;
    this.#n = to;
  }
}

function endOf({ newStart, bytes }: Segment): number {
  return newStart + bytes;
}

/** from, to: offsets in the old module. */
function keepNumbers({ old }: OpenModule, from: number, to: number): void {
  if (old === undefined) return;
  const { types } = old.references;
  const first = Math.ceil(Math.max(from, types.from) / 4) * 4;
  for (let offset = first; offset + 4 <= Math.min(to, types.to); offset += 4) {
    const reference = old.references.at(offset);
    if (reference?.type === RefType.typeName || reference?.type === RefType.type)
      old.renumberings?.[reference.type - RefType.typeName].learn(Number(reference.target), 0);
  }
}
