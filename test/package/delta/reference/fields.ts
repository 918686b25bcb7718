/** The kinds of guess, and the fields in which those of some kinds stand: from some byte on, a few bytes. */

export const Kind = {
  copy: 0,
  reference: 1,
  learned: 2,
  address: 3,
  table: 4,
  column4: 5,
  column8: 6,
  column24: 7,
  match: 8,
  recovered: 9,
} as const;
export const KINDS = 10;

export class Fields {
  readonly #starts = new Float64Array(KINDS);
  /** 0: none. */
  readonly #lengths = new Uint8Array(KINDS);
  readonly #bytes = Array.from({ length: KINDS }, () => new Uint8Array(8));

  set(kind: number, n: number, length: 4 | 8, value: bigint): void {
    this.#starts[kind] = n;
    this.#lengths[kind] = length;
    new DataView(this.#bytes[kind].buffer).setBigUint64(0, value, true);
  }

  drop(kind: number): void {
    this.#lengths[kind] = 0;
  }

  dropAll(): void {
    this.#lengths.fill(0);
  }

  covers(kind: number, n: number): boolean {
    const from = n - this.#starts[kind];
    return from >= 0 && from < this.#lengths[kind];
  }

  /** Where new[n] is in the field that covers it. */
  offset(kind: number, n: number): number {
    return n - this.#starts[kind];
  }

  byte(kind: number, n: number): number {
    return this.#bytes[kind][this.offset(kind, n)];
  }
}
