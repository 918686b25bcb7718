/**
 * Cyclic redundancy checks. Those of anchors go bit by bit: the fields they run over do not end on bytes, and there are a few
 * a second at most. Polynomials are written without their highest term.
 */

export interface Crc {
  readonly width: number;
  readonly polynomial: number;
  readonly initial: number;
}

/** x^7+x^3+1, CRC-7/MMC */
export const CRC7: Crc = { width: 7, polynomial: 0x09, initial: 0 };
/** x^16+x^12+x^5+1, CRC-16/IBM-3740 */
export const CRC16: Crc = { width: 16, polynomial: 0x1021, initial: 0xffff };

/** `fields` are pairs of value and size in bits, sent highest bit first, together in one row. */
export function crcOfFields(crc: Crc, ...fields: readonly (readonly [value: number, sizeBits: number])[]): number {
  const mask = (1 << crc.width) - 1;
  let register = crc.initial;
  for (const [value, sizeBits] of fields) {
    for (let i = sizeBits - 1; i >= 0; i--) {
      const top = ((register >> (crc.width - 1)) ^ (value >>> i)) & 1;
      register = ((register << 1) & mask) ^ (top === 0 ? 0 : crc.polynomial);
    }
  }
  return register;
}

/** What a byte does to the register of the CRC-32. */
const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let register = byte;
  for (let i = 0; i < 8; i++) register = (register >>> 1) ^ (-(register & 1) & 0xedb88320);
  return register;
});

/** CRC-32/ISO-HDLC, as in zip: reflected polynomial EDB88320, initial and final FFFFFFFF. Of `bytes` from `from` to `end`. */
export function crc32(bytes: Uint8Array, from = 0, end = bytes.length): number {
  let register = 0xffff_ffff;
  for (let i = from; i < end; i++) register = (register >>> 8) ^ CRC32_TABLE[(register ^ bytes[i]) & 0xff];
  return ~register >>> 0;
}
