/**
 * Words of AArch64 with the target of BL and ADRP instead of the distance to it, so that a call of the same function is the same word wherever
 * it stands (DDI 0487, C6.2). place: of the word in its module; for this purpose the module starts at address 0.
 */

function isCall(word: number): boolean {
  return (word & 0xfc00_0000) >>> 0 === 0x9400_0000;
}

function isPage(word: number): boolean {
  return (word & 0x9f00_0000) >>> 0 === 0x9000_0000;
}

export function absolute(word: number, place: number): number {
  if (isCall(word)) return moved(word, place >>> 2);
  if (isPage(word)) return paged(word, place >>> 12);
  return word;
}

/** The other way. */
export function relative(word: number, place: number): number {
  if (isCall(word)) return moved(word, -(place >>> 2));
  if (isPage(word)) return paged(word, -(place >>> 12));
  return word;
}

/** A BL of so many words further, modulo 2^26. */
function moved(word: number, words: number): number {
  return ((word & 0xfc00_0000) | ((word + words) & 0x03ff_ffff)) >>> 0;
}

/** An ADRP of so many pages further, modulo 2^21. */
function paged(word: number, pages: number): number {
  const sum = ((word >>> 29) & 3) + ((word >>> 3) & 0x1f_fffc) + pages;
  return ((word & 0x9f00_001f) | ((sum & 3) << 29) | ((sum & 0x1f_fffc) << 3)) >>> 0;
}
