/** What the coder remembers from one byte to the next, beside its tables. All starts at 0, but for what says otherwise. */

export class State {
  /** How sure the target of the last reference in the old file is: 3 learned, 2 to 0 as the alignment says. Stays until the next reference. */
  confidence = 0;
  /** Type of the last reference. */
  referenceType = 0;
  /** Bytes since the last miss, copied ones too. Where there is an old file. */
  runLength = 0;
  /** A bit a byte, 1 for a miss: the last 32, and the 32 before them. */
  history = 0;
  earlierHistory = 0;
  /** New byte less old one, where they differed last and the time before. */
  difference1 = 0;
  difference2 = 0;
  /** Position of the last miss where there is an old file. */
  lastMiss = -1;
  /** Hash of the letters and digits right before. */
  word = 0;
  /** Where the line at hand starts, and the one before it. Copies do not count. */
  lineStart = 0;
  lineBefore = 0;
  /** Up to here the contexts of misses.ts have learned the bytes. */
  trained = 0;

  /** count: of bits, below 32. */
  pushHistory(bits: number, count: number): void {
    this.earlierHistory = ((this.earlierHistory << count) | (this.history >>> (32 - count))) >>> 0;
    this.history = ((this.history << count) | bits) >>> 0;
  }

  /** Bytes up to here were said at once, in a gap. */
  passedGap(end: number): void {
    this.history = 0xffff_ffff;
    this.earlierHistory = 0xffff_ffff;
    this.trained = end;
    this.word = 0;
  }

  forgetHistory(): void {
    this.history = 0;
    this.earlierHistory = 0;
  }
}
