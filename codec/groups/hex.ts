/**
 * Groups as text, one a line, in the form that RDS Spy and redsea write and read:
 *
 *     3AB7 0408 E0CD 5354
 *     3AB7 ---- E0CD 5354 2026/01/31 12:00:00.25     a lost block; what follows the fourth block is not read
 *     #S1 4023 0102 0304 0506                        RDS2 stream 1
 *     @... and %...                                  RDS Spy's own remarks, skipped
 */

import type { Blocks, ReceivedGroup, StreamNumber } from './group.ts';
import { LOST_BLOCK, STREAM_NUMBERS } from './group.ts';

/** Longer lines are refused before anything looks at them. */
export const MAX_LINE_LENGTH = 512;

type HexFault = 'line too long' | 'stream prefix' | 'block 1' | 'block 2' | 'block 3' | 'block 4';

export type HexLine =
  | { readonly kind: 'group'; readonly group: ReceivedGroup }
  | { readonly kind: 'nothing' }
  /** `offset` is the character where the line stopped making sense. */
  | { readonly kind: 'fault'; readonly reason: HexFault; readonly offset: number };

export function formatHexWord(word: number): string {
  return word === LOST_BLOCK ? '----' : word.toString(16).toUpperCase().padStart(4, '0');
}

/** One line without its line feed. */
export function formatHexGroup(group: { readonly stream: StreamNumber; readonly blocks: Blocks }): string {
  const words = group.blocks.map(formatHexWord).join(' ');
  return group.stream === 0 ? words : `#S${group.stream} ${words}`;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

const BLANK = 32;
const TAB = 9;
const DASH = 45;

function isBlank(code: number): boolean {
  return code === BLANK || code === TAB || code === 13;
}

/** The word at `at`, `LOST_BLOCK`, or null if there is neither. Words of RDS Spy may stand without blanks between. */
function readWord(line: string, at: number): number | null {
  let word = 0;
  let dashes = 0;
  for (let k = 0; k < 4; k++) {
    const code = at + k < line.length ? line.charCodeAt(at + k) : 0;
    const digit = hexDigit(code);
    if (code === DASH) dashes++;
    else if (digit < 0) return null;
    else word = (word << 4) | digit;
  }
  if (dashes === 0) return word;
  return dashes === 4 ? LOST_BLOCK : null;
}

/** Never throws. The slot of a group is -1: lines may be missing from a file, so they count nothing. */
export function parseHexLine(line: string): HexLine {
  if (line.length > MAX_LINE_LENGTH) return { kind: 'fault', reason: 'line too long', offset: MAX_LINE_LENGTH };
  let at = 0;
  const skipBlanks = (): void => {
    while (at < line.length && isBlank(line.charCodeAt(at))) at++;
  };
  skipBlanks();
  if (at === line.length) return { kind: 'nothing' };
  const first = line[at];
  if (first === '%' || first === '@' || first === '<') return { kind: 'nothing' };
  let stream: StreamNumber = 0;
  if (first === '#') {
    const found = line[at + 1] === 'S' ? STREAM_NUMBERS.find((n) => String(n) === line[at + 2]) : undefined;
    if (found === undefined || !isBlank(line.charCodeAt(at + 3))) {
      return { kind: 'fault', reason: 'stream prefix', offset: at };
    }
    stream = found;
    at += 4;
    skipBlanks();
  }
  const words: number[] = [];
  for (const reason of ['block 1', 'block 2', 'block 3', 'block 4'] as const) {
    const word = readWord(line, at);
    if (word === null) return { kind: 'fault', reason, offset: at };
    words.push(word);
    at += 4;
    if (words.length === 4 && at < line.length && !isBlank(line.charCodeAt(at))) {
      return { kind: 'fault', reason, offset: at };
    }
    skipBlanks();
  }
  const blocks: Blocks = [words[0], words[1], words[2], words[3]];
  return { kind: 'group', group: { stream, blocks, slot: -1, clockRestarted: false } };
}
