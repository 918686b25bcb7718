/** Where instructions are in content from nothing, which the coder then reads as such. For the encoder only. */

import { MODULE_IMAGE_A64, MODULE_IMAGE_X64, moduleKind } from './align.ts';
import type { Module } from './encode.ts';

/** ELF, 64 bits, little endian (System V gABI, chapter 4). */
const ELF_FIRST = 0x7f;
const ELF_NEXT = [0x45, 0x4c, 0x46, 2, 1];
/** What the machines of the header are as modules. */
const MODULE_KINDS = new Map([
  [62, MODULE_IMAGE_X64],
  [183, MODULE_IMAGE_A64],
]);
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SEGMENTS_MOST = 64;
const LOADED = 1;
const EXECUTABLE = 1;
const WORD_BYTES = 4;

/** Modules without an old file: kernel images, and the segments of programs and libraries, wherever they are. */
export function codeModules(content: Uint8Array): Module[] {
  if (moduleKind(content) === MODULE_IMAGE_A64) return [moduleAt(0, content.length, MODULE_IMAGE_A64)];
  const modules: Module[] = [];
  let end = 0;
  for (let at = content.indexOf(ELF_FIRST); at >= 0; at = content.indexOf(ELF_FIRST, at + 1))
    for (const { start, sizeBytes, kind } of executableIn(content, at))
      if (start >= end) {
        modules.push(moduleAt(start, sizeBytes, kind));
        end = start + sizeBytes;
      }
  return modules;
}

function moduleAt(newStart: number, newBytes: number, kind: number): Module {
  return { newStart, newBytes, oldStart: 0, oldBytes: 0, kind };
}

interface Code {
  readonly start: number;
  readonly sizeBytes: number;
  readonly kind: number;
}

function executableIn(content: Uint8Array, at: number): Code[] {
  if (ELF_NEXT.some((byte, k) => content[at + 1 + k] !== byte)) return [];
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const kind = at + HEADER_BYTES > content.length ? undefined : MODULE_KINDS.get(view.getUint16(at + 18, true));
  if (kind === undefined) return [];
  const tableAt = at + Number(view.getBigUint64(at + 32, true));
  const count = Math.min(view.getUint16(at + 56, true), SEGMENTS_MOST);
  const found = [];
  for (let k = 0; k < count; k++) {
    const entry = tableAt + k * SEGMENT_BYTES;
    if (!(entry + SEGMENT_BYTES <= content.length)) break;
    const [start, sizeBytes] = [8, 32].map((field) => Number(view.getBigUint64(entry + field, true)));
    const isCode = view.getUint32(entry, true) === LOADED && (view.getUint32(entry + 4, true) & EXECUTABLE) !== 0;
    if (!isCode || start === undefined || sizeBytes === undefined || sizeBytes < WORD_BYTES) continue;
    if (at + start + sizeBytes <= content.length) found.push({ start: at + start, sizeBytes, kind });
  }
  return found;
}
