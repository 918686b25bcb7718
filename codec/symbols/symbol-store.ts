/** The symbols of one block in the order they came: where each is from, and its value. */

const ROOM_FIRST = 32;
const GROWTH = 12;

export class Symbols {
  /** Stream (4 bits), counter (24), place among the symbols of its group (4). */
  tags = new Uint32Array(ROOM_FIRST);
  low = new Uint32Array(ROOM_FIRST);
  /** Upper words of values; of no use where a value has one. */
  high: Uint32Array;
  /** Of partial symbols: bit (w - 1 - q) for each column q that it carries. */
  masks: Uint16Array;
  count = 0;
  /** Of the partial symbols, all together. */
  nibbles = 0;
  readonly #ofColumn = new Int32Array(16);
  readonly #isPartial: boolean;
  readonly #hasHigh: boolean;
  readonly #usual: number;

  /** Memory: 8 or 12 bytes a symbol, 2 more for partial ones; reserved is up to twelve times as much, and no more than for `usual` of them. */
  constructor(valueWords: 1 | 2, isPartial: boolean, usual: number) {
    this.#usual = usual;
    this.#hasHigh = valueWords === 2;
    this.#isPartial = isPartial;
    this.high = new Uint32Array(this.#hasHigh ? ROOM_FIRST : 0);
    this.masks = new Uint16Array(isPartial ? ROOM_FIRST : 0);
  }

  add(tag: number, low: number, high: number, mask: number): void {
    if (this.count === this.tags.length) this.#grow();
    const i = this.count++;
    this.tags[i] = tag;
    this.low[i] = low;
    if (this.#hasHigh) this.high[i] = high;
    if (!this.#isPartial) return;
    this.masks[i] = mask;
    this.#note(mask, 1);
  }

  has(tag: number): boolean {
    const at = this.tags.indexOf(tag);
    return at >= 0 && at < this.count;
  }

  /** How many symbols there are of the column that has the fewest. */
  leastOfAColumn(width: number): number {
    let least = this.#ofColumn[0];
    for (let place = 1; place < width; place++) least = Math.min(least, this.#ofColumn[place]);
    return least;
  }

  copy(): { isPartial: boolean; tags: Uint32Array; low: Uint32Array; high: Uint32Array; masks: Uint16Array } {
    const { count } = this;
    return {
      isPartial: this.#isPartial,
      tags: this.tags.slice(0, count),
      low: this.low.slice(0, count),
      high: this.high.slice(0, count),
      masks: this.masks.slice(0, count),
    };
  }

  clear(): void {
    this.count = this.nibbles = 0;
    this.#ofColumn.fill(0);
    this.tags = new Uint32Array(ROOM_FIRST);
    this.low = new Uint32Array(ROOM_FIRST);
    if (this.#hasHigh) this.high = new Uint32Array(ROOM_FIRST);
    if (this.#isPartial) this.masks = new Uint16Array(ROOM_FIRST);
  }

  dropFirst(count: number): void {
    this.keep((i) => i >= count);
  }

  keep(wanted: (index: number) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      if (!wanted(i)) {
        if (this.#isPartial) this.#note(this.masks[i], -1);
        continue;
      }
      this.tags[kept] = this.tags[i];
      this.low[kept] = this.low[i];
      if (this.#hasHigh) this.high[kept] = this.high[i];
      if (this.#isPartial) this.masks[kept] = this.masks[i];
      kept++;
    }
    this.count = kept;
  }

  #note(mask: number, change: 1 | -1): void {
    for (let place = 0; place < 16; place++) {
      if (((mask >>> place) & 1) === 0) continue;
      this.#ofColumn[place] += change;
      this.nibbles += change;
    }
  }

  #grow(): void {
    // In few steps, because what is left behind stays in memory for a while. Nearly all end at `usual` symbols.
    const length = this.count < this.#usual ? Math.min(this.count * GROWTH, this.#usual) : Math.ceil(this.count * 1.5);
    this.tags = enlarged(this.tags, length);
    this.low = enlarged(this.low, length);
    if (this.#hasHigh) this.high = enlarged(this.high, length);
    if (!this.#isPartial) return;
    const masks = new Uint16Array(length);
    masks.set(this.masks);
    this.masks = masks;
  }
}

function enlarged(words: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(words);
  return larger;
}
