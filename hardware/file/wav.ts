/**
 * PCM in RIFF/WAVE (Microsoft RIFF specification 1.0; RF64 of EBU Tech 3306 for what is larger than 4 GB): sound and the
 * multiplex as 16 bit, the form that Audacity, sox and redsea take; radio as two channels, I left and Q right, the form that
 * SDR programs write.
 *
 *     RIFF size WAVE  fmt_ 16 tag channels rate rate*frame frame bits  data size samples...
 */

import { HardwareError } from '../fault.ts';

const HEADER_BYTES = 44;
/** Chunks before `data` that are longer than this are not a sound file's. */
const MAX_HEADER_BYTES = 65_536;
const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
/** What a writer that cannot seek puts for a length it does not know; readers take it as "to the end". */
const UNKNOWN_LENGTH = 0xffff_ffff;

/** How a value is written: unsigned bytes, signed 16 bit, or 32-bit floats. */
export type WavForm = 'u8' | 's16' | 'f32';

const VALUE_BYTES: Readonly<Record<WavForm, number>> = { u8: 1, s16: 2, f32: 4 };
const S16_ONLY: readonly WavForm[] = ['s16'];
export const WAV_FORMS: readonly WavForm[] = ['u8', 's16', 'f32'];

export interface WavFormat {
  readonly rateHz: number;
  readonly channels: number;
}

export type WavHeader =
  | ({
      readonly kind: 'wav';
      readonly dataOffset: number;
      readonly form: WavForm;
      /** Null when the file does not know: it goes on to its end. */
      readonly dataBytes: number | null;
    } & WavFormat)
  | { readonly kind: 'more' }
  | { readonly kind: 'fault'; readonly reason: WavFault };

type WavFault = 'not RIFF/WAVE' | 'not 16-bit PCM' | 'neither 8-bit nor 16-bit PCM nor 32-bit float' | 'no data chunk';

/** The header of a file of unknown length, for streaming, or of a known one. */
export function wavHeader(
  { rateHz, channels }: WavFormat,
  dataBytes: number = UNKNOWN_LENGTH,
  form: WavForm = 's16',
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const text = (at: number, name: string): void => {
    for (let k = 0; k < 4; k++) bytes[at + k] = name.charCodeAt(k);
  };
  const frame = VALUE_BYTES[form] * channels;
  text(0, 'RIFF');
  view.setUint32(4, Math.min(UNKNOWN_LENGTH, dataBytes + HEADER_BYTES - 8), true);
  text(8, 'WAVE');
  text(12, 'fmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, form === 'f32' ? FLOAT : PCM, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, rateHz * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, 8 * VALUE_BYTES[form], true);
  text(36, 'data');
  view.setUint32(40, Math.min(UNKNOWN_LENGTH, dataBytes), true);
  return bytes;
}

/** Reads a header from the beginning of a file: `more` when it goes on beyond these bytes. */
export function readWavHeader(bytes: Uint8Array, forms: readonly WavForm[] = S16_ONLY): WavHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  const magic = text(0);
  // Only as many bytes as are needed to know that it is something else.
  if (!['RIFF', 'RF64'].some((name) => name.startsWith(magic))) return { kind: 'fault', reason: 'not RIFF/WAVE' };
  if (bytes.length < 12) return { kind: 'more' };
  if (text(8) !== 'WAVE') return { kind: 'fault', reason: 'not RIFF/WAVE' };
  const otherForm = { kind: 'fault', reason: forms.length === 1 ? 'not 16-bit PCM' : ANY_FORM } as const;
  let format: (WavFormat & { readonly form: WavForm }) | null = null;
  let at = 12;
  while (at < MAX_HEADER_BYTES) {
    if (at + 8 > bytes.length) return { kind: 'more' };
    const name = text(at);
    const size = view.getUint32(at + 4, true);
    if (name === 'data') {
      if (format === null) return otherForm;
      // A recorder that was cut off has left 0 there; in RF64 the number stands elsewhere.
      const isKnown = size > 0 && size < UNKNOWN_LENGTH;
      return { kind: 'wav', dataOffset: at + 8, dataBytes: isKnown ? size : null, ...format };
    }
    if (name === 'fmt ') {
      if (size < 16) return otherForm;
      if (at + 24 > bytes.length) return { kind: 'more' };
      let tag = view.getUint16(at + 8, true);
      if (tag === EXTENSIBLE && size >= 40) {
        if (at + 34 > bytes.length) return { kind: 'more' };
        tag = view.getUint16(at + 32, true);
      } else if (tag === EXTENSIBLE) tag = PCM;
      const form = formOf(tag, view.getUint16(at + 22, true));
      const [channels, rateHz] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true)];
      if (form === undefined || !forms.includes(form) || channels < 1) return otherForm;
      format = { rateHz, channels, form };
    }
    at += 8 + size + (size & 1);
  }
  return { kind: 'fault', reason: 'no data chunk' };
}

const ANY_FORM = 'neither 8-bit nor 16-bit PCM nor 32-bit float';

function formOf(tag: number, bits: number): WavForm | undefined {
  return WAV_FORMS.find((form) => 8 * VALUE_BYTES[form] === bits && tag === (form === 'f32' ? FLOAT : PCM));
}

export interface Unwrapped {
  /** Null when this is no WAV file. */
  readonly wav: (WavFormat & { readonly form: WavForm }) | null;
  /** Without the header and what follows the samples; everything when it is no WAV file. */
  readonly samples: AsyncGenerator<Uint8Array>;
}

/** Takes as many chunks as it needs to know whether this is a WAV file. `name` is for the message. */
export async function unwrapWav(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  forms: readonly WavForm[] = S16_ONLY,
): Promise<Unwrapped> {
  const reader = chunks[Symbol.asyncIterator]();
  let head = new Uint8Array(0);
  let header: WavHeader = { kind: 'more' };
  while (header.kind === 'more') {
    const next = await reader.next();
    if (next.done === true) break;
    const joined = new Uint8Array(head.length + next.value.length);
    joined.set(head);
    joined.set(next.value, head.length);
    head = joined;
    header = readWavHeader(head, forms);
  }
  if (header.kind === 'wav') {
    const { rateHz, channels, form, dataOffset, dataBytes } = header;
    return { wav: { rateHz, channels, form }, samples: goOn(head.subarray(dataOffset), reader, dataBytes) };
  }
  const isOther = header.kind === 'fault' && header.reason === 'not RIFF/WAVE';
  // A file that ended within twelve bytes is a short recording of something else.
  if (isOther || (header.kind === 'more' && head.length < 12)) return { wav: null, samples: goOn(head, reader, null) };
  await reader.return?.();
  const why = header.kind === 'fault' ? header.reason : 'it ends within its header';
  throw new HardwareError('FILE_WAV', `${name} is a WAV file that cannot be read: ${why}.`);
}

async function* goOn(
  first: Uint8Array,
  reader: AsyncIterator<Uint8Array>,
  limitBytes: number | null,
): AsyncGenerator<Uint8Array> {
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  let isOver = false;
  try {
    for (let bytes = first; left > 0; ) {
      const taken = bytes.length > left ? bytes.subarray(0, left) : bytes;
      left -= taken.length;
      if (taken.length > 0) yield taken;
      if (left === 0) return;
      const next = await reader.next();
      isOver = next.done === true;
      if (next.done === true) return;
      bytes = next.value;
    }
  } finally {
    if (!isOver) await reader.return?.();
  }
}
