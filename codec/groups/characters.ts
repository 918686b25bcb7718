/** The basic character set of PS and RadioText (EN 50067:1998 annex E, figure E.1, "G0"; IEC 62106 "EBU Latin"). */

/** Codes 20..7F: ASCII but for these. */
const DIFFERS_FROM_ASCII = new Map([
  [0x24, '¤'],
  [0x5e, '―'],
  [0x60, '‖'],
  [0x7e, '¯'],
  [0x7f, ' '],
]);

/** Codes 80..FF, sixteen a row. */
const UPPER_HALF = [
  'áàéèíìóòúùÑÇŞß¡Ĳ',
  'âäêëîïôöûüñçşǧıĳ',
  'ªα©‰Ǧěňőπ€£$←↑→↓',
  'º¹²³±İńűµ¿÷°¼½¾§',
  'ÁÀÉÈÍÌÓÒÚÙŘČŠŽÐĿ',
  'ÂÄÊËÎÏÔÖÛÜřčšžđŀ',
  'ÃÅÆŒŷÝÕØÞŊŔĆŚŹŦð',
  'ãåæœŵýõøþŋŕćśźŧ ',
].join('');

const toText: string[] = Array.from({ length: 256 }, (_, code) => {
  if (code < 0x20) return ' ';
  if (code >= 0x80) return UPPER_HALF[code - 0x80] ?? ' ';
  return DIFFERS_FROM_ASCII.get(code) ?? String.fromCharCode(code);
});

const toCode = new Map<string, number>();
for (const [code, character] of toText.entries()) if (!toCode.has(character)) toCode.set(character, code);
toCode.set(' ', 0x20);

/** What people type that the set has under another sign. */
const NEAREST = new Map([
  ['–', '-'],
  ['—', '―'],
  ['‘', "'"],
  ['’', "'"],
  ['“', '"'],
  ['”', '"'],
  ['~', '-'],
  ['^', ' '],
  ['`', "'"],
  ['\u00a0', ' '],
]);

const UNKNOWN = 0x3f;

function codeOf(character: string): number {
  const known = toCode.get(character) ?? toCode.get(NEAREST.get(character) ?? '');
  if (known !== undefined) return known;
  // The letter without its accents, if that is in the set.
  return toCode.get(character.normalize('NFD').charAt(0)) ?? UNKNOWN;
}

/** Codes of a text, one per character; what the set lacks becomes its nearest relative or '?'. */
export function encodeCharacters(text: string): number[] {
  return Array.from(text.normalize('NFC'), codeOf);
}

export function decodeCharacter(code: number): string {
  return toText[code & 0xff];
}
