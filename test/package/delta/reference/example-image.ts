/** A small image of AArch64 as a kernel has it: code, tables of words that are relative to themselves, pointers, and type information. */

import { content } from '../../example.ts';

/** Where an image is loaded, and the head that says what it is (Documentation/arch/arm64/booting.rst). */
const BASE = 0xffff_8000_0800_0000n;
const HEAD_BYTES = 8192;
const MAGIC = [0x41, 0x52, 0x4d, 0x64];
const MAGIC_AT = 56;
const FUNCTIONS = 400;
const FUNCTION_WORDS = 16;
const TYPES = 500;
const [CALL, IF_ZERO, PAGE, ADD, LOAD, RETURN] = [
  0x9400_0000, 0xb400_0000, 0x9000_0000, 0x9100_0000, 0xf940_0000, 0xd65f_03c0,
];

/** added: so many words more in every fortieth function, and as many types more before the hundredth. */
export function exampleImage(added: number): Uint8Array {
  const starts: number[] = [];
  let end = HEAD_BYTES;
  for (let k = 0; k < FUNCTIONS; k++) {
    starts.push(end);
    end += 4 * (FUNCTION_WORDS + (k % 40 === 7 ? added : 0));
  }
  const tableAt = Math.ceil(end / 4096) * 4096;
  const pointersAt = tableAt + 8 * FUNCTIONS;
  const types = typeInformation(added);
  const typesAt = pointersAt + 8 * FUNCTIONS;
  const bytes = new Uint8Array(typesAt + types.length);
  const view = new DataView(bytes.buffer);
  bytes.set(content(40, HEAD_BYTES));
  bytes.set(MAGIC, MAGIC_AT);
  const random = content(41, 4 * FUNCTIONS);
  for (const [k, start] of starts.entries()) {
    const [a, b, c, d] = random.subarray(4 * k, 4 * k + 4);
    const words = [0x1234_5678 + k, ...Array.from({ length: k % 40 === 7 ? added : 0 }, (_, q) => LOAD | (q << 10))];
    for (let q = words.length; q < FUNCTION_WORDS + (k % 40 === 7 ? added : 0) - 1; q++) {
      const at = start + 4 * q;
      const callee = starts[(a * 7 + b * q) % FUNCTIONS];
      const datum = tableAt + 4 * ((c * 5 + d * q) % FUNCTIONS);
      if (q % 5 === 1) words.push(CALL | (((callee - at) >> 2) & 0x3ff_ffff));
      else if (q % 5 === 2) words.push(PAGE | ((((datum >> 12) - (at >> 12)) & 3) << 29) | (q & 7));
      else if (q % 5 === 3) words.push(ADD | ((datum & 0xfff) << 10) | (((q - 1) & 7) << 5) | 3);
      else words.push(q % 2 === 0 ? IF_ZERO | (((a % 8) + 1) << 5) | 2 : LOAD | ((d % 64) << 10) | (c % 16));
    }
    for (const [q, word] of [...words, RETURN].entries()) view.setUint32(start + 4 * q, word >>> 0, true);
  }
  for (let k = 0; k < 2 * FUNCTIONS; k++) {
    const at = tableAt + 4 * k;
    view.setInt32(at, starts[(k * 29) % FUNCTIONS] - at, true);
  }
  for (let k = 0; k < FUNCTIONS; k++)
    view.setBigUint64(pointersAt + 8 * k, BASE + BigInt(starts[(k * 13) % FUNCTIONS]), true);
  bytes.set(types, typesAt);
  return bytes;
}

/** BTF (kernel documentation, "BPF Type Format"): structures of one member, pointers and functions. */
function typeInformation(added: number): Uint8Array {
  const moved = (number: number): number => (number < 100 ? number : number + added);
  const records: number[] = [];
  const random = content(42, 3 * TYPES);
  for (let k = 1; k < TYPES + added; k++) {
    const [a, b, c] = random.subarray(3 * (k % TYPES), 3 * (k % TYPES) + 3);
    const type = moved(a + b);
    if (c % 3 === 0) records.push(moved(2 * a), 0x0400_0001, 8, moved(a + c), type, 0);
    else if (c % 3 === 1) records.push(0, 0x0200_0000, type);
    else records.push(moved(b + c), 0x0c00_0000, type);
  }
  const header = [0x0001_eb9f, 24, 0, 4 * records.length, 4 * records.length, 0];
  return new Uint8Array(Uint32Array.from([...header, ...records]).buffer);
}
