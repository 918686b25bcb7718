/** Where the files are in a tar archive (POSIX.1-2008 pax, "ustar Interchange Format"; long names as GNU tar and pax write them). */

import type { Run } from './runs.ts';

/** A file inside a container; positions in bytes from the container's start. */
export interface Part {
  readonly name: string;
  /** What comes before the content and describes it; none where `headStart` is `headEnd`. */
  readonly headStart: number;
  readonly headEnd: number;
  readonly runs: readonly Run[];
}

const BLOCK_BYTES = 512;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function octal(bytes: Uint8Array): number {
  // GNU tar: sizes from 8 GiB up are in base 256; such an archive is too large for here.
  const digits = text(bytes).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
}

function isHead(head: Uint8Array): boolean {
  let sum = 0;
  for (const [k, byte] of head.entries()) sum += k >= CHECKSUM_AT && k < CHECKSUM_AT + CHECKSUM_BYTES ? 0x20 : byte;
  return octal(head.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES)) === sum;
}

function paxName(content: Uint8Array): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(new TextDecoder('latin1').decode(content))?.[1];
}

/** Undefined where the content is no tar archive from its first byte on. */
export function tarParts(content: Uint8Array): Part[] | undefined {
  const parts: Part[] = [];
  let headStart = 0;
  let longName: string | undefined;
  for (let at = 0; at + BLOCK_BYTES <= content.length; ) {
    const head = content.subarray(at, at + BLOCK_BYTES);
    if (!isHead(head)) {
      if (at === 0) return undefined;
      // Zeros at the end, or something that is left to the alignment.
      break;
    }
    const sizeBytes = octal(head.subarray(124, 136));
    if (Number.isNaN(sizeBytes)) break;
    const type = String.fromCodePoint(head[156] ?? 0);
    const start = at + BLOCK_BYTES;
    // Links, devices and folders have no content, whatever their size says.
    const bytes = '123456'.includes(type) ? 0 : sizeBytes;
    if (start + bytes > content.length) break;
    at = start + Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
    if (type === 'L') longName = text(content.subarray(start, start + bytes));
    else if (type === 'x') longName = paxName(content.subarray(start, start + bytes)) ?? longName;
    else if (type !== 'K' && type !== 'g') {
      const prefix = text(head.subarray(257, 262)) === 'ustar' && head[262] === 0 ? text(head.subarray(345, 500)) : '';
      const short = text(head.subarray(0, 100));
      const name = longName ?? (prefix === '' ? short : `${prefix}/${short}`);
      parts.push({ name, headStart, headEnd: start, runs: bytes === 0 ? [] : [{ start, sizeBytes: bytes }] });
      longName = undefined;
      headStart = at;
    }
  }
  return parts;
}
