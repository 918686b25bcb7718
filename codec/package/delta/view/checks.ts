/** The sums that follow deflate streams: Adler-32 (RFC 1950 clause 8.2) and CRC-32 (RFC 1952 clause 8). */

const ADLER_BASE = 65_521;
/** The most bytes that can be added before the sums must be taken modulo the base. */
const ADLER_RUN = 5552;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let k = 0; k < 8; k++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb8_8320;
  return value;
});

export function adler32(bytes: Uint8Array, before = 1): number {
  let low = before & 0xffff;
  let high = before >>> 16;
  for (let at = 0; at < bytes.length; at += ADLER_RUN) {
    const end = Math.min(bytes.length, at + ADLER_RUN);
    for (let k = at; k < end; k++) {
      low += bytes[k] ?? 0;
      high += low;
    }
    low %= ADLER_BASE;
    high %= ADLER_BASE;
  }
  return ((high << 16) | low) >>> 0;
}

export function crc32(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (let k = 0; k < bytes.length; k++) value = (CRC_TABLE[(value ^ (bytes[k] ?? 0)) & 255] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}
