/** The fountain written as section 5 of docs/air-interface.md reads, slowly and with nothing of codec/symbols in it. */

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

function* xoshiro(s: bigint[]): Generator<bigint> {
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

export interface ReferenceSymbol {
  readonly block: number;
  /** K bits. */
  readonly coefficients: boolean[];
}

export function referenceSymbols(
  identity: Uint8Array,
  sizeBytes: number,
  stream: number,
  c: number,
  count: number,
): ReferenceSymbol[] {
  const U = Math.ceil(sizeBytes / 2);
  const B = Math.ceil(U / 4096);
  const K = Math.ceil(U / B);
  const x = (BigInt(c) * 0x9e3779b1n + BigInt(stream) * 0x6a09e667n) & M;
  const block = Number((x * BigInt(B)) >> 32n);
  const u32 = (at: number): bigint => BigInt(new DataView(identity.buffer, identity.byteOffset).getUint32(at));
  const s0 = mix(u32(0));
  const s2 = mix(s0 ^ u32(4));
  const s3 = mix(s2 ^ BigInt(stream * 2 ** 24 + c));
  const s1 = mix(s3 ^ BigInt(block));
  const random = xoshiro([s0, s0 + s1 + s2 + s3 === 0n ? 1n : s1, s2, s3]);
  return Array.from({ length: count }, () => {
    const coefficients: boolean[] = [];
    for (let w = 0; w < Math.ceil(K / 32); w++) {
      const word = random.next().value as bigint;
      for (let j = 0n; j < 32n && coefficients.length < K; j++) coefficients.push(((word >> j) & 1n) === 1n);
    }
    return { block, coefficients };
  });
}

export function referenceValue({ block, coefficients }: ReferenceSymbol, bytes: Uint8Array): number {
  const unit = (i: number): number => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0);
  return coefficients.reduce((sum, taken, j) => (taken ? sum ^ unit(block * coefficients.length + j) : sum), 0);
}

/** Rank over GF(2), one row at a time, rows as big integers: counts what every further row adds. */
export class ReferenceRank {
  readonly #rows = new Map<number, bigint>();

  get rank(): number {
    return this.#rows.size;
  }

  add(coefficients: readonly boolean[]): void {
    let row = 0n;
    for (const [j, taken] of coefficients.entries()) if (taken) row |= 1n << BigInt(j);
    while (row !== 0n) {
      const top = row.toString(2).length;
      const pivot = this.#rows.get(top);
      if (pivot === undefined) {
        this.#rows.set(top, row);
        return;
      }
      row ^= pivot;
    }
  }
}
