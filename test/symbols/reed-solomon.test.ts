import * as fc from 'fast-check';
import zxing from 'reedsolomon';
import { describe, expect, it } from 'vitest';
import { INVERSES, POWERS, PRODUCTS } from '#codec/symbols/galois.ts';
import { drawWords } from '#codec/symbols/random.ts';
import { type Decoded, ReedSolomon, WORD_SIZE_MAX_BYTES } from '#codec/symbols/reed-solomon.ts';

const field = zxing.GenericGF.QR_CODE_FIELD_256();
const oracleEncoder = new zxing.ReedSolomonEncoder(field);
const oracleDecoder = new zxing.ReedSolomonDecoder(field);

/** The code word of `data` as ZXing makes it. */
function oracleWord(data: Uint8Array, checkBytes: number): Uint8Array {
  const word = new Int32Array(data.length + checkBytes);
  word.set(data);
  oracleEncoder.encode(word, checkBytes);
  return Uint8Array.from(word);
}

/** What ZXing corrects a word to; undefined when it gives up. */
function oracleDecode(word: Uint8Array, checkBytes: number): Uint8Array | undefined {
  const corrected = Int32Array.from(word);
  try {
    oracleDecoder.decode(corrected, checkBytes);
  } catch {
    return undefined;
  }
  return Uint8Array.from(corrected);
}

function isCodeWord(word: Uint8Array, checkBytes: number): boolean {
  return hex(oracleWord(word.subarray(0, -checkBytes), checkBytes)) === hex(word);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** The same bytes for the same seeds on every run. */
function randomBytes(length: number, ...seeds: number[]): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4) + 8);
  drawWords(Uint32Array.of(seeds[0] ?? 0, seeds[1] ?? 0, seeds[2] ?? 0, 1), words, 0, words.length);
  return new Uint8Array(words.buffer).slice(32, 32 + length);
}

/** Every position of a word once, in an order drawn from the seeds. */
function shuffledPositions(size: number, ...seeds: number[]): number[] {
  const bytes = randomBytes(size * 4, ...seeds);
  const keys = new Uint32Array(bytes.buffer);
  return Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b]);
}

interface Damaged {
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
  readonly erasures: number[];
}

/** A word of ZXing with `errors` wrong bytes and `erased` erasures, all of which hold something else than was sent. */
function damage(size: number, checkBytes: number, errors: number, erased: number, seed: number): Damaged {
  const seeds = [seed, size * 256 + checkBytes, errors * 256 + erased];
  const sent = oracleWord(randomBytes(size - checkBytes, ...seeds), checkBytes);
  const received = sent.slice();
  const positions = shuffledPositions(size, ...seeds);
  const noise = randomBytes(size, ...seeds);
  for (const position of positions.slice(0, erased + errors)) received[position] ^= 1 + (noise[position] % 255);
  return { sent, received, erasures: positions.slice(0, erased).sort((a, b) => a - b) };
}

/** What is wrong with a verdict, whatever was sent. */
function faultsOf(
  checkBytes: number,
  received: Uint8Array,
  erasures: readonly number[],
  decoded: Decoded,
  word: Uint8Array,
): string[] {
  const changed = [...word.keys()].filter((i) => word[i] !== received[i]);
  if (decoded.kind === 'uncorrectable') return changed.length === 0 ? [] : ['uncorrectable and changed'];
  return [
    ...(isCodeWord(word, checkBytes) ? [] : ['not a code word']),
    ...((decoded.kind === 'right') === (changed.length === 0) ? [] : [`${decoded.kind} and not so`]),
    ...(decoded.errors === changed.filter((i) => !erasures.includes(i)).length ? [] : ['wrong number of errors']),
    ...(decoded.erasures === erasures.length ? [] : ['wrong number of erasures']),
    ...(2 * decoded.errors + decoded.erasures <= checkBytes ? [] : ['past the limit']),
  ];
}

/** Check bytes with the lengths of words to try: shortest, odd ones, longest. */
const CODES: [checkBytes: number, sizes: number[]][] = [
  [1, [2, 3, 255]],
  [2, [3, 10, 255]],
  [7, [8, 30, 255]],
  [10, [11, 26, 254]],
  [64, [65, 100, 255]],
  [253, [254, 255]],
  [254, [255]],
];

describe('GF(256)', () => {
  it('multiplies and inverts as ZXing does', () => {
    const products = Uint8Array.from({ length: 1 << 16 }, (_, i) => field.multiply(i >> 8, i & 0xff));
    expect(hex(PRODUCTS)).toBe(hex(products));
    expect(hex(INVERSES.subarray(1))).toBe(hex(Uint8Array.from({ length: 255 }, (_, i) => field.inverse(i + 1))));
  });

  it('has 255 different powers of 2', () => {
    expect(new Set(POWERS).size).toBe(255);
    expect(POWERS[1]).toBe(2);
  });
});

describe('the Reed-Solomon encoder', () => {
  it.each([
    [
      'ISO/IEC 18004:2015 Annex I, symbol 1-M of "01234567"',
      '10200c566180ec11ec11ec11ec11ec11',
      'a524d4c1ed36c7872c55',
    ],
    [
      'thonky.com, QR code tutorial, symbol 1-M of "HELLO WORLD"',
      '205b0b78d172dc4d4340ec11ec11ec11',
      'c4232777ebd7e7e25d17',
    ],
    [
      'reedsolo 1.7.0, RSCodec(64, fcr=0, prim=0x11d)',
      hex(Uint8Array.from({ length: 191 }, (_, i) => 7 * i * i + 13 * i + 1)),
      'ec9750e00ca5ea5beb0157c0849abaaf4e92b35eac403dc53809d5eadb0d27804bc6083fa0daab00cf4bbdabfe70599e684313349ad37fdd88ef1b065d6c7be3',
    ],
  ])('gives the check bytes of %s', (_, data, check) => {
    const code = new ReedSolomon(check.length / 2);
    expect(hex(code.encode(Buffer.from(data, 'hex')))).toBe(check);
  });

  it.each(CODES)('gives the %i check bytes of ZXing for words of %j', (checkBytes, sizes) => {
    const code = new ReedSolomon(checkBytes);
    for (const size of sizes) {
      for (const data of [randomBytes(size - checkBytes, size), new Uint8Array(size - checkBytes)]) {
        expect(hex(code.encode(data))).toBe(hex(oracleWord(data, checkBytes).subarray(-checkBytes)));
      }
    }
  });

  it('makes words that ZXing corrects', () => {
    const code = new ReedSolomon(64);
    for (let errors = 0; errors <= 32; errors++) {
      const data = randomBytes(191, errors);
      const sent = Uint8Array.from([...data, ...code.encode(data)]);
      const received = sent.slice();
      for (const position of shuffledPositions(255, errors).slice(0, errors)) received[position] ^= 0x5a;
      expect(oracleDecode(received, 64)).toEqual(sent);
    }
  });
});

describe('the Reed-Solomon decoder', () => {
  it.each(CODES)(
    'corrects every mix up to 2 errors + erasures = %i check bytes, in words of %j',
    (checkBytes, sizes) => {
      const code = new ReedSolomon(checkBytes);
      for (const size of sizes) {
        for (let erased = 0; erased <= checkBytes; erased++) {
          const errors = Math.min((checkBytes - erased) >> 1, size - erased);
          const { sent, received, erasures } = damage(size, checkBytes, errors, erased, 1);
          expect(code.decode(received, erasures), `${size} bytes, ${erased} erasures`).toEqual({
            kind: errors + erased === 0 ? 'right' : 'corrected',
            errors,
            erasures: erased,
          });
          expect(hex(received)).toBe(hex(sent));
        }
      }
    },
  );

  it('corrects fewer errors than it could, with any erasures', () => {
    const code = new ReedSolomon(16);
    for (let erased = 0; erased <= 16; erased++) {
      for (let errors = 0; 2 * errors + erased <= 16; errors++) {
        for (let seed = 2; seed < 8; seed++) {
          const { sent, received, erasures } = damage(60, 16, errors, erased, seed);
          expect(code.decode(received, erasures)).toMatchObject({ errors, erasures: erased });
          expect(hex(received)).toBe(hex(sent));
        }
      }
    }
  });

  it('corrects every single wrong byte of a short word and every pair of erasures', () => {
    const code = new ReedSolomon(2);
    const sent = oracleWord(Uint8Array.of(0xca, 0x11, 0, 0xff, 1), 2);
    let corrected = 0;
    for (let a = 0; a < sent.length; a++) {
      for (let error = 1; error < 256; error++) {
        const received = sent.slice();
        received[a] ^= error;
        if (code.decode(received, []).kind === 'corrected' && hex(received) === hex(sent)) corrected++;
      }
      for (let b = a + 1; b < sent.length; b++) {
        const received = sent.slice();
        received[a] ^= 0x80;
        received[b] ^= 0x01;
        if (code.decode(received, Uint8Array.of(a, b)).kind === 'corrected' && hex(received) === hex(sent)) corrected++;
      }
    }
    expect(corrected).toBe(7 * 255 + 21);
  });

  it('leaves a code word alone, and says so even when bytes of it were given as erasures', () => {
    const code = new ReedSolomon(64);
    const sent = oracleWord(randomBytes(191, 5), 64);
    const received = sent.slice();
    expect(code.decode(received, [])).toEqual({ kind: 'right', errors: 0, erasures: 0 });
    expect(code.decode(received, [0, 100, 254])).toEqual({ kind: 'right', errors: 0, erasures: 3 });
    expect(hex(received)).toBe(hex(sent));
  });

  it('does not take an empty word for right when more than the check bytes are erasures', () => {
    const code = new ReedSolomon(4);
    expect(code.decode(new Uint8Array(9), [0, 1, 2, 3, 4])).toEqual({ kind: 'uncorrectable' });
    expect(code.decode(new Uint8Array(9), [0, 1, 2, 3])).toEqual({ kind: 'right', errors: 0, erasures: 4 });
  });

  it.each(CODES)(
    'never says more than it did one past the limit of %i check bytes, in words of %j',
    (checkBytes, sizes) => {
      const code = new ReedSolomon(checkBytes);
      const faults: string[] = [];
      for (const size of sizes) {
        for (let erased = 0; erased <= checkBytes; erased++) {
          const errors = Math.min(((checkBytes - erased) >> 1) + 1, size - erased);
          const { received, erasures } = damage(size, checkBytes, errors, erased, 9);
          const word = received.slice();
          const decoded = code.decode(word, erasures);
          faults.push(...faultsOf(checkBytes, received, erasures, decoded, word));
        }
      }
      expect(faults).toEqual([]);
    },
  );

  it('sees one error too many in 64 check bytes as long as 16 of them are not used up by erasures', () => {
    const code = new ReedSolomon(64);
    const verdicts = new Set<string>();
    for (let erased = 0; erased <= 48; erased++) {
      for (let seed = 0; seed < 4; seed++) {
        const { received, erasures } = damage(255, 64, ((64 - erased) >> 1) + 1, erased, seed);
        verdicts.add(code.decode(received, erasures).kind);
      }
    }
    // Taken for another word with probability 1/8! at most.
    expect([...verdicts]).toEqual(['uncorrectable']);
  });

  /**
   * Among all words of a length those near enough to a code word are counted: 256^(n-c) code words, each with
   * sum over e <= (c-s)/2 of C(n-s, e) 255^e words around it that differ from no other, of 256^(n-s) outside s erasures.
   */
  it.each([
    [255, 6, 0],
    [255, 6, 1],
    [255, 6, 2],
    [255, 6, 3],
    [255, 6, 4],
    [255, 6, 5],
    [255, 6, 6],
    [100, 6, 4],
    [20, 3, 1],
    [5, 1, 0],
  ])(
    'takes as many random words of %i bytes for one with errors as counting says (%i check bytes, %i erasures)',
    (size, checkBytes, erased) => {
      let around = 0;
      let ways = 1;
      for (let e = 0; 2 * e + erased <= checkBytes; e++) {
        around += ways;
        ways *= ((size - erased - e) * 255) / (e + 1);
      }
      const probability = around / 256 ** (checkBytes - erased);
      const trials = 6000;
      const code = new ReedSolomon(checkBytes);
      let taken = 0;
      for (let seed = 0; seed < trials; seed++) {
        const erasures = shuffledPositions(size, seed, size)
          .slice(0, erased)
          .sort((a, b) => a - b);
        if (code.decode(randomBytes(size, seed, size, erased), erasures).kind !== 'uncorrectable') taken++;
      }
      // Five standard deviations; none when the probability is 1.
      const tolerance = 5 * Math.sqrt(trials * probability * (1 - probability));
      expect(Math.abs(taken - trials * probability)).toBeLessThanOrEqual(tolerance);
    },
  );

  it('gives up, or takes another word, exactly where ZXing does', () => {
    const code = new ReedSolomon(4);
    const differing: number[] = [];
    let both = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const received = damage(255, 4, 3, 0, seed).received;
      const other = oracleDecode(received, 4);
      const decoded = code.decode(received, []);
      const ours = decoded.kind === 'uncorrectable' ? undefined : hex(received);
      // ZXing does not check what it has found.
      const theirs = other !== undefined && isCodeWord(other, 4) ? hex(other) : undefined;
      if (ours !== theirs) differing.push(seed);
      else if (ours !== undefined) both++;
    }
    expect(differing).toEqual([]);
    expect(both).toBeGreaterThan(300);
  });

  it('gives a verdict that holds on any bytes with any erasures', () => {
    const words = fc.integer({ min: 1, max: 254 }).chain((checkBytes) =>
      fc.record({
        checkBytes: fc.constant(checkBytes),
        received: fc.uint8Array({ minLength: checkBytes + 1, maxLength: WORD_SIZE_MAX_BYTES }),
        places: fc.uniqueArray(fc.nat(254), { maxLength: 255 }),
      }),
    );
    fc.assert(
      fc.property(words, ({ checkBytes, received, places }) => {
        const erasures = places.filter((place) => place < received.length).sort((a, b) => a - b);
        const word = received.slice();
        const decoded = new ReedSolomon(checkBytes).decode(word, erasures);
        expect(faultsOf(checkBytes, received, erasures, decoded, word)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a mistake of the caller', () => {
  it.each([0, -1, 255, 1.5, Number.NaN])('%d check bytes', (checkBytes) => {
    expect(() => new ReedSolomon(checkBytes)).toThrow(expect.objectContaining({ code: 'CHECK_BYTES' }));
  });

  it.each([0, 192])('%i data bytes before 64 check bytes', (size) => {
    expect(() => new ReedSolomon(64).encode(new Uint8Array(size))).toThrow(
      expect.objectContaining({ code: 'DATA_SIZE' }),
    );
  });

  it.each([0, 64, 256])('a word of %i bytes, 64 of them check bytes', (size) => {
    expect(() => new ReedSolomon(64).decode(new Uint8Array(size), [])).toThrow(
      expect.objectContaining({ code: 'WORD_SIZE' }),
    );
  });

  it.each([[[-1]], [[10]], [[1.5]], [[Number.NaN]], [[3, 3]], [[4, 3]]])('erasures %j in a word of 10', (erasures) => {
    expect(() => new ReedSolomon(4).decode(new Uint8Array(10), erasures)).toThrow(
      expect.objectContaining({ code: 'ERASURES' }),
    );
  });
});
