/** One block of an object while its symbols come in: solved as soon as it can be, and doubted as long as it must be. */

import { COLUMN_BITS, countOf, sideBySide, solveColumns, SURPLUS_MAX } from './columns.ts';
import { ALL_COLUMNS, Equations } from './equations.ts';
import type { Echelon } from './field.ts';
import type { Layout } from './layout.ts';
import { Symbols } from './symbol-store.ts';
import {
  type Dependencies,
  locateGroups,
  locateSpell,
  locateWrong,
  LOCATING_MARGIN,
  SPELL_DEPENDENCIES_MAX,
} from './wrong.ts';

export type BlockFault =
  /** Symbols of a block disagree: one of them at least is wrong. */
  | 'symbols-disagree'
  /** Wrong symbols that were found and left out. */
  | 'symbols-wrong'
  /** Symbols of a spell in which many were wrong, left out. */
  | 'symbols-of-a-spell'
  /** Too many were wrong: the symbols heard first were left out. */
  | 'symbols-forgotten'
  /** Too many of those that carry some columns only were wrong: the ones heard first were left out. */
  | 'partial-symbols-forgotten';

export type BlockFaults = Record<BlockFault, number>;

/** How many matrices are held between symbols, by all blocks of an object together: 2 MB each. */
export interface Matrices {
  open: number;
  readonly most: number;
}

/** A matrix is begun so many symbols before it can be solved, so that little is left to do at the last one. */
const AHEAD = 32;
/** Agreeing symbols that make a solution certain: of a wrong one, each agrees with probability 1/2. */
const PROOF = LOCATING_MARGIN;
/** After an attempt to find wrong symbols that failed. */
const RETRY_SYMBOLS = 16;
/** Wrong groups of a directory that are found. */
const GROUPS_TOGETHER = 2;
/** Symbols held beyond those that anything can be told by. */
const ROOM = 256;
/** What one symbol that disagrees takes from a solution that is weighed, in symbols that agree: one in some hundred is wrong. */
const DISAGREEING = 8;
/** Evidence at which such a solution is given up: two that disagree, unless others agreed. */
const GIVEN_UP = -12;
/** A solution that is wrong in one column is seen by symbols that carry it only: so much more of these makes the same proof. */
const PARTIAL_PROOF = 1.5;
const SURPLUS_ROWS = 4;
/** That fit into a word. */
const COLUMNS_MAX = 8;

export class BlockCollector {
  readonly #layout: Layout;
  readonly #equations: Equations;
  readonly #matrices: Matrices;
  readonly #faults: BlockFaults;
  readonly full: Symbols;
  readonly partial: Symbols;
  #echelon: Echelon | undefined;
  #solution: Uint32Array | undefined;
  /** Symbols that agree with the solution beyond those that made it. */
  #evidence = 0;
  #contradicted = false;
  /** The solution was made with partial symbols. */
  #isByColumns = false;
  /** The solution was proven, its symbols are gone, and the object is not what it should be. */
  #isDoubted = false;
  #partialSinceWhole = 0;
  /** The column that is looked at first for symbols that disagree. */
  #firstPlace = 0;
  #isWide = false;
  #gaveUp = false;
  /** `full.count` at which solving, or finding the wrong ones, is tried next. */
  #tryAt: number;
  /** Full and partial symbols together at which solving by columns is tried next. */
  #tryPartialAt: number;

  constructor(equations: Equations, matrices: Matrices, faults: BlockFaults) {
    const { layout } = equations;
    this.#layout = layout;
    this.#equations = equations;
    this.#matrices = matrices;
    this.#faults = faults;
    this.#tryAt = layout.rows;
    this.#tryPartialAt = layout.rows;
    this.full = new Symbols(layout.valueWords, false, layout.rows + PROOF + 2);
    this.partial = new Symbols(layout.valueWords, true, layout.rows);
  }

  /** K rows of `valueWords` words. */
  get solution(): Uint32Array | undefined {
    return this.#solution;
  }

  /** The solution is right but for one chance in 2^14. */
  get isProven(): boolean {
    return this.#solution !== undefined && this.#evidence >= PROOF;
  }

  /** The symbols that made the solution are gone. */
  get hasRowsOnly(): boolean {
    return this.isProven || this.#isDoubted;
  }

  /** Rows known or as good as known: 0 .. K. */
  get rank(): number {
    const { rows, width } = this.#layout;
    if (this.#solution !== undefined) return rows;
    return Math.min(rows, this.full.count + Math.floor(this.partial.nibbles / width));
  }

  /** A whole symbol. True when a solution came or went. */
  add(tag: number, low: number, high: number): boolean {
    const { rows } = this.#layout;
    // One that came before (a recording played again) proves nothing, and must not take the room of others.
    if (this.isProven || this.full.has(tag)) return false;
    this.#partialSinceWhole = 0;
    if (this.full.count >= rows + Math.min(rows, SPELL_DEPENDENCIES_MAX) + ROOM) this.#forgetOldest();
    if (this.#solution !== undefined) return this.#check(this.#solution, tag, low, high);
    this.full.add(tag, low, high, 0);
    if (this.#contradicted) return this.full.count >= this.#tryAt && this.#search();
    const echelon = this.#echelon;
    if (echelon !== undefined) {
      const added = this.#equations.addTo(echelon, tag, low, high);
      if (added === 'agrees') return false;
      if (added === 'disagrees') return this.#contradict();
      if (echelon.rank === rows) return this.#solve(echelon);
      return this.#tryPartial();
    }
    const isAhead = this.full.count >= rows - AHEAD && this.#matrices.open < this.#matrices.most;
    if (this.full.count < this.#tryAt && !isAhead) return this.#tryPartial();
    return this.#attempt();
  }

  /** A symbol with some of the columns: `mask` has bit (w - 1 - q) for column q, the value zeros elsewhere. */
  addPartial(tag: number, low: number, high: number, mask: number): boolean {
    const { rows } = this.#layout;
    if (this.isProven || this.partial.has(tag)) return false;
    const solution = this.#solution;
    if (solution !== undefined && !this.#isByColumns && !this.#isDoubted) return false;
    if (this.partial.count >= 4 * rows + ROOM) this.partial.dropFirst(rows);
    this.partial.add(tag, low, high, mask);
    this.#partialSinceWhole++;
    if (solution !== undefined) return this.#weigh(this.#equations.holds(solution, tag, low, high, mask), mask);
    // Whole ones that contradict each other wait for more of them, unless no more come and the others are enough by themselves.
    if (this.#contradicted && this.#partialSinceWhole >= 2 * rows + RETRY_SYMBOLS) this.#forgetWhole();
    return this.#contradicted ? false : this.#tryPartial();
  }

  /** Whatever it holds is from a log and was right then. */
  restoreSolution(solution: Uint32Array): void {
    this.#solution = solution;
    this.#evidence = PROOF;
    this.#isDoubted = false;
    this.#release();
  }

  /** All blocks are proven and yet one is wrong: the symbols that come tell which. */
  doubt(): void {
    this.#isDoubted = true;
    this.#evidence = 0;
  }

  /** The bytes that it makes are wrong, though nothing contradicts it (a directory). */
  distrust(): void {
    this.#close();
    this.#solution = undefined;
    this.#evidence = 0;
    this.#contradicted = true;
    this.#tryAt = this.full.count + 1;
  }

  /** Starts anew. */
  forget(): void {
    this.#faults['symbols-forgotten'] += this.full.count;
    this.#release();
    this.#solution = undefined;
    this.#contradicted = this.#isDoubted = false;
    this.#evidence = 0;
    this.#tryAt = this.#tryPartialAt = this.#layout.rows;
  }

  #release(): void {
    this.#close();
    this.full.clear();
    this.partial.clear();
  }

  #close(): void {
    if (this.#echelon === undefined) return;
    this.#echelon.close();
    this.#echelon = undefined;
    this.#matrices.open--;
  }

  #attempt(): boolean {
    const { rows } = this.#layout;
    const echelon = this.#equations.eliminated(this.full);
    if (!this.#equations.agree(echelon)) {
      echelon.close();
      return this.#contradict();
    }
    if (echelon.rank === rows) return this.#solve(echelon);
    this.#tryAt = this.full.count + rows - echelon.rank;
    if (this.#matrices.open < this.#matrices.most) {
      this.#echelon = echelon;
      this.#matrices.open++;
    } else echelon.close();
    return this.#tryPartial();
  }

  #solve(echelon: Echelon, known?: Uint32Array): boolean {
    const values = known ?? new Uint32Array(this.#layout.rows * this.#layout.valueWords);
    echelon.substitute(values);
    echelon.close();
    this.#close();
    this.#solution = values;
    this.#isByColumns = known !== undefined;
    this.#gaveUp = false;
    this.#evidence = Math.max(0, this.full.count - this.#layout.rows);
    if (this.isProven) this.#release();
    return true;
  }

  /** A symbol that comes when the block is solved. */
  #check(solution: Uint32Array, tag: number, low: number, high: number): boolean {
    this.full.add(tag, low, high, 0);
    const agrees = this.#equations.holds(solution, tag, low, high, ALL_COLUMNS);
    if (this.#isByColumns || this.#isDoubted) return this.#weigh(agrees, ALL_COLUMNS);
    if (!agrees) return this.#contradict();
    this.#evidence++;
    if (this.isProven) this.#release();
    return false;
  }

  /** A symbol that speaks for or against a solution whose own symbols are few, or gone. True when the solution went. */
  #weigh(agrees: boolean, mask: number): boolean {
    const { width } = this.#layout;
    if (!agrees) this.#evidence -= DISAGREEING;
    else this.#evidence += mask === ALL_COLUMNS ? 1 : countOf(mask) / (PARTIAL_PROOF * width);
    if (this.isProven) {
      this.#isDoubted = false;
      this.#release();
    }
    if (this.#evidence > GIVEN_UP) return false;
    this.#faults['symbols-disagree']++;
    if (this.#isDoubted) {
      this.forget();
      return true;
    }
    this.#solution = undefined;
    this.#evidence = 0;
    this.#tryPartialAt = this.#layout.rows;
    return true;
  }

  /** Too many of the partial symbols are wrong or, where no whole one has come for long or it does not help, of the whole ones. */
  #forgetPartial(): void {
    const { rows } = this.#layout;
    const count = Math.ceil(this.partial.count / 2);
    this.#faults['partial-symbols-forgotten'] += count;
    this.partial.dropFirst(count);
    this.#tryPartialAt = rows;
    const isFew = this.full.count < rows / 4;
    if (this.#partialSinceWhole >= rows || (isFew && this.#gaveUp)) this.#forgetWhole();
    this.#gaveUp = !this.#gaveUp;
  }

  #forgetWhole(): void {
    this.#faults['symbols-forgotten'] += this.full.count;
    this.#close();
    this.full.clear();
    this.#contradicted = false;
    this.#tryAt = this.#layout.rows;
  }

  /** A wrong symbol is among the whole ones. True when a solution went. */
  #contradict(): boolean {
    const hadSolution = this.#solution !== undefined;
    this.#faults['symbols-disagree']++;
    this.#close();
    this.#solution = undefined;
    this.#evidence = 0;
    this.#contradicted = true;
    this.#tryAt = Math.max(this.full.count, this.#layout.rows + LOCATING_MARGIN + 1);
    return this.full.count >= this.#tryAt ? this.#search() || hadSolution : hadSolution;
  }

  /** Looks for the wrong symbols, leaves them out and solves again. True when that gave a solution. */
  #search(): boolean {
    const { rows, width } = this.#layout;
    const { count } = this.full;
    const dependencies = this.#equations.dependencies(this.full);
    const { rank } = dependencies.syndromes;
    if (width === 1) return this.#searchGroups(dependencies);
    this.#tryAt = Math.max(count + 1, rows + rank + LOCATING_MARGIN);
    const wrong = rank === 0 ? [] : locateWrong(dependencies);
    if (wrong !== undefined) {
      this.#faults['symbols-wrong'] += wrong.length;
      return this.#leaveOut(new Set(wrong));
    }
    if (dependencies.count - rank >= LOCATING_MARGIN || rank >= 4 * width) {
      // The time of a search grows with the cube of the dependencies.
      this.#tryAt = count + Math.max(RETRY_SYMBOLS, dependencies.count >> 2);
      const spell = locateSpell(dependencies);
      if (spell !== undefined) {
        const [from, to] = spell;
        this.#faults['symbols-of-a-spell'] += to - from;
        return this.#leaveOut(new Set(Array.from({ length: to - from }, (_, i) => from + i)));
      }
    }
    return false;
  }

  /** Of a directory, whose values have four bits: nothing can be told by them, but the symbols of a group are wrong together. */
  #searchGroups(dependencies: Dependencies): boolean {
    const groups = new Map<number, number[]>();
    for (let i = 0; i < this.full.count; i++) {
      const name = this.full.tags[i] >>> 4;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [i]);
      else group.push(i);
    }
    const sets = [...groups.values()];
    const most = Math.max(...sets.map((group) => group.length));
    for (let together = 0; together <= GROUPS_TOGETHER; together++) {
      const missing = together * most + LOCATING_MARGIN - dependencies.count;
      if (missing > 0) {
        this.#tryAt = this.full.count + missing;
        return false;
      }
      const wrong = locateGroups(dependencies, sets, together);
      if (wrong === undefined) continue;
      this.#faults['symbols-wrong'] += wrong.length;
      return this.#leaveOut(new Set(wrong));
    }
    const count = Math.ceil(this.full.count / 2);
    this.#faults['symbols-forgotten'] += count;
    this.full.dropFirst(count);
    this.#contradicted = false;
    this.#tryAt = this.#layout.rows;
    return false;
  }

  #leaveOut(wrong: ReadonlySet<number>): boolean {
    this.full.keep((i) => !wrong.has(i));
    this.#contradicted = false;
    this.#tryAt = this.#layout.rows;
    return this.full.count >= this.#tryAt && this.#attempt();
  }

  /** Whatever lies, and for however long: after it has ended this leads to a block of right symbols. */
  #forgetOldest(): void {
    const count = Math.ceil(this.full.count / 4);
    this.#faults['symbols-forgotten'] += count;
    this.full.dropFirst(count);
    this.#close();
    this.#tryAt = this.full.count + 1;
  }

  /** With symbols that carry only some columns: each column has rows of its own beside those of the whole symbols. */
  #tryPartial(): boolean {
    if (this.partial.count === 0) return false;
    const count = this.full.count + this.partial.leastOfAColumn(this.#layout.width);
    if (count < this.#tryPartialAt) return false;
    const echelon = this.#equations.eliminated(this.full, this.partial);
    const columns = this.#equations.agree(echelon)
      ? solveColumns(echelon, this.#layout, this.partial, this.full.count, this.#firstPlace)
      : undefined;
    if (columns?.kind !== 'solved') echelon.close();
    switch (columns?.kind) {
      case undefined:
        return this.#contradict();
      case 'solved':
        return this.#solve(echelon, columns.values);
      case 'missing':
        this.#tryPartialAt = count + columns.count;
        return false;
      case 'contradiction':
        this.#tryPartialAt = count + this.#searchColumns(columns.place, columns.surplus);
        return false;
    }
    return columns satisfies never;
  }

  /**
   * Looks for wrong symbols, partial and whole, by what they say of a few columns side by side: the more columns the more wrong ones,
   * but the fewer symbols that carry them all. Gives how many symbols of a column to wait for.
   */
  #searchColumns(place: number, surplus: number): number {
    const { full, partial } = this;
    const { rows, width } = this.#layout;
    const needed = LOCATING_MARGIN + COLUMN_BITS;
    const most = SURPLUS_MAX + rows / SURPLUS_ROWS;
    if (surplus < needed) return needed - surplus;
    if (surplus >= 2 * most) {
      // They waited while whole ones contradicted each other. The half that remains is enough, and costs less time.
      this.#forgetPartial();
      return -Infinity;
    }
    const columns = this.#isWide ? COLUMNS_MAX : 1;
    const { places, members } = sideBySide(this.#layout, partial, full.count, place, columns);
    // One column by itself was looked at before.
    const isAgain = this.#isWide && places.length === 1;
    const wrong = isAgain ? undefined : locateWrong(this.#equations.columnDependencies(full, partial, members, places));
    if (wrong === undefined || wrong.length === 0) {
      // With one column more can be told when none of the symbols that carry several is wrong, or the other way round.
      const isLast = this.#isWide && wrong === undefined;
      this.#isWide = !this.#isWide;
      if (!isLast) return -Infinity;
      // Another column may have fewer wrong ones.
      this.#firstPlace = (place + 1) % width;
      if (surplus < most) return Math.min(Math.max(RETRY_SYMBOLS, surplus >> 1), Math.ceil(most - surplus));
      this.#forgetPartial();
      return -Infinity;
    }
    this.#faults['symbols-wrong'] += wrong.length;
    const wrongFull = new Set(wrong.filter((i) => i < full.count));
    const wrongPartial = new Set(wrong.filter((i) => i >= full.count).map((i) => members[i - full.count]));
    if (wrongFull.size > 0) {
      this.#close();
      full.keep((i) => !wrongFull.has(i));
    }
    partial.keep((i) => !wrongPartial.has(i));
    return -Infinity;
  }
}
