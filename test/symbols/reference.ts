/** The fountain written as sections 2.2 and 5 of docs/air-interface.md read, slowly and with nothing of codec in it. */

const M = 0xffff_ffffn;

function mix(z0: bigint): bigint {
  let z = z0;
  z ^= z >> 16n;
  z = (z * 0x21f0aaadn) & M;
  z ^= z >> 15n;
  z = (z * 0x735a2d97n) & M;
  z ^= z >> 15n;
  return z;
}

function rotl(x: bigint, k: bigint): bigint {
  return ((x << k) | (x >> (32n - k))) & M;
}

function* xoshiro(s: bigint[]): Generator<bigint, never> {
  for (;;) {
    yield (rotl((s[1] * 5n) & M, 7n) * 9n) & M;
    const t = (s[1] << 9n) & M;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
  }
}

export interface ReferenceObject {
  readonly bytes: Uint8Array;
  readonly identity: Uint8Array;
  readonly width: number;
}

export interface ReferenceSymbol {
  readonly block: number;
  /** K bits. */
  readonly coefficients: readonly boolean[];
  readonly columns: readonly number[];
}

/** Section 5.1: S and K. */
export function referenceLayout(sizeBytes: number, width: number): { blocks: number; rows: number } {
  const n = 2 * sizeBytes;
  const blocks = Math.ceil(n / (4096 * width));
  return { blocks, rows: Math.ceil(n / (blocks * width)) };
}

/** Sections 5.1 and 5.2: which rows and columns the symbols of a group are made of. */
function referenceSymbols({ bytes, identity, width }: ReferenceObject, stream: number, c: number): ReferenceSymbol[] {
  const { blocks: S, rows: K } = referenceLayout(bytes.length, width);
  const x =
    (BigInt(c % 16) * 0x9e3779b1n + BigInt(Math.floor(c / 16)) * 0x74fabe5dn + BigInt(stream) * 0x6a09e667n) & M;
  const first = Number((x * BigInt(S)) >> 32n);
  const u32 = (at: number): bigint => identity.slice(at, at + 4).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const s0 = mix(mix(mix(u32(0)) ^ u32(4)) ^ BigInt(stream * 2 ** 24 + c));
  const s1 = mix(s0 ^ BigInt(first));
  const s2 = mix(s1 ^ u32(0));
  const s3 = mix(s2 ^ u32(4));
  const random = xoshiro([s0, s0 + s1 + s2 + s3 === 0n ? 1n : s1, s2, s3]);
  const symbols: ReferenceSymbol[] = [];
  for (let left = stream === 0 ? 8 : 13; left > 0; left -= width) {
    const coefficients: boolean[] = [];
    for (let w = 0; w < Math.ceil(K / 32); w++) {
      const word = random.next().value;
      for (let j = 0n; j < 32n && coefficients.length < K; j++) coefficients.push(((word >> j) & 1n) === 1n);
    }
    const v = Math.min(width, left);
    const columns = Array.from({ length: v }, (_, i) => (v === width ? i : (v * c + i) % width));
    symbols.push({ block: (first + symbols.length) % S, coefficients, columns });
  }
  return symbols;
}

/** The nibbles of a payload, before scrambling. */
function referenceNibbles(object: ReferenceObject, stream: number, c: number): number[] {
  const { bytes, width } = object;
  const nibble = (i: number): number => Number.parseInt(bytes.subarray(i >> 1, (i >> 1) + 1).toHex()[i & 1] ?? '0', 16);
  return referenceSymbols(object, stream, c).flatMap(({ block, coefficients, columns }) =>
    columns.map((column) =>
      coefficients.reduce(
        (sum, taken, row) => (taken ? sum ^ nibble((block * coefficients.length + row) * width + column) : sum),
        0,
      ),
    ),
  );
}

/** Section 2.2, for block B = 2, 3 or 4. */
export function referenceScramble(stream: number, c: number, B: number, w: number): number {
  const k = mix((mix((BigInt(stream) << 24n) | BigInt(c)) + BigInt(B)) & M);
  const a = (k | 1n) % 0x1_0000n;
  const b = k >> 16n;
  let y = ((BigInt(w) ^ b) * a) % 0x1_0000n;
  y ^= y >> 8n;
  return Number((y * a) % 0x1_0000n);
}

/** What is sent: [block 3, block 4] of type A, [pppp, block 2, block 3, block 4] of type C. */
export function referencePayload(object: ReferenceObject, stream: number, c: number): number[] {
  const digits = referenceNibbles(object, stream, c).map((nibble) => nibble.toString(16));
  const pppp = stream === 0 ? [] : digits.splice(0, 1);
  const words = Array.from({ length: digits.length / 4 }, (_, i) =>
    Number.parseInt(digits.slice(4 * i, 4 * i + 4).join(''), 16),
  );
  const firstBlock = stream === 0 ? 3 : 2;
  return [
    ...pppp.map((digit) => Number.parseInt(digit, 16)),
    ...words.map((word, i) => referenceScramble(stream, c, firstBlock + i, word)),
  ];
}

/** Equations over GF(2), one row and one pivot at a time, rows as big integers: coefficient j is bit j, the value lies above. */
export class ReferenceRows {
  readonly #unknowns: number;
  readonly #rows = new Map<number, bigint>();
  /** Values of rows that came to nothing. */
  readonly surplus: bigint[] = [];

  constructor(unknowns: number) {
    this.#unknowns = unknowns;
  }

  get rank(): number {
    return this.#rows.size;
  }

  get pivots(): number[] {
    return [...this.#rows.keys()].toSorted((a, b) => a - b);
  }

  /** What is left of a row when its lowest coefficients were taken away, one after the other. */
  reduce(row: bigint): bigint {
    let rest = row;
    for (;;) {
      const j = this.lowest(rest);
      const pivot = j < 0 ? undefined : this.#rows.get(j);
      if (pivot === undefined) return rest;
      rest ^= pivot;
    }
  }

  /** True when it was independent. */
  add(row: bigint): boolean {
    const rest = this.reduce(row);
    const j = this.lowest(rest);
    if (j < 0) this.surplus.push(rest >> BigInt(this.#unknowns));
    else this.#rows.set(j, rest);
    return j >= 0;
  }

  /** The value of every unknown, those without a pivot as in `given`. */
  solve(given: readonly bigint[]): bigint[] {
    const values = [...given];
    for (const j of this.pivots.toReversed()) {
      const row = this.#rows.get(j) ?? 0n;
      let value = row >> BigInt(this.#unknowns);
      for (let k = j + 1; k < this.#unknowns; k++) if (((row >> BigInt(k)) & 1n) === 1n) value ^= values[k];
      values[j] = value;
    }
    return values;
  }

  /** The lowest coefficient of a row, -1 when it has none. */
  lowest(row: bigint): number {
    for (let j = 0; j < this.#unknowns; j++) if (((row >> BigInt(j)) & 1n) === 1n) return j;
    return -1;
  }
}
