/**
 * 16-bit PCM in RIFF/WAVE (Microsoft RIFF specification 1.0), the form that Audacity, sox and redsea take.
 *
 *     RIFF size WAVE  fmt_ 16 format channels rate rate*frame frame bits  data size samples...
 */

const HEADER_BYTES = 44;
/** Chunks before `data` that are longer than this are not a sound file's. */
const MAX_HEADER_BYTES = 65_536;
const PCM = 1;
const EXTENSIBLE = 0xfffe;
/** What a writer that cannot seek puts for a length it does not know; readers take it as "to the end". */
const UNKNOWN_LENGTH = 0xffff_ffff;

export interface WavFormat {
  readonly rateHz: number;
  readonly channels: number;
}

export type WavHeader =
  | ({ readonly kind: 'wav'; readonly dataOffset: number } & WavFormat)
  | { readonly kind: 'more' }
  | { readonly kind: 'fault'; readonly reason: 'not RIFF/WAVE' | 'not 16-bit PCM' | 'no data chunk' };

/** The header of a file of unknown length, for streaming. */
export function wavHeader({ rateHz, channels }: WavFormat, dataBytes: number = UNKNOWN_LENGTH): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const text = (at: number, name: string): void => {
    for (let k = 0; k < 4; k++) bytes[at + k] = name.charCodeAt(k);
  };
  const frame = 2 * channels;
  text(0, 'RIFF');
  view.setUint32(4, Math.min(UNKNOWN_LENGTH, dataBytes + HEADER_BYTES - 8), true);
  text(8, 'WAVE');
  text(12, 'fmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, rateHz * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/** Reads a header from the beginning of a file: `more` when it goes on beyond these bytes. */
export function readWavHeader(bytes: Uint8Array): WavHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12) return { kind: 'more' };
  if (text(0) !== 'RIFF' || text(8) !== 'WAVE') return { kind: 'fault', reason: 'not RIFF/WAVE' };
  let format: WavFormat | null = null;
  let at = 12;
  while (at < MAX_HEADER_BYTES) {
    if (at + 8 > bytes.length) return { kind: 'more' };
    const name = text(at);
    const size = view.getUint32(at + 4, true);
    if (name === 'data') {
      if (format === null) return { kind: 'fault', reason: 'not 16-bit PCM' };
      return { kind: 'wav', dataOffset: at + 8, ...format };
    }
    if (name === 'fmt ') {
      if (size < 16) return { kind: 'fault', reason: 'not 16-bit PCM' };
      if (at + 24 > bytes.length) return { kind: 'more' };
      const tag = view.getUint16(at + 8, true);
      const channels = view.getUint16(at + 10, true);
      const pcm = (tag === PCM || tag === EXTENSIBLE) && view.getUint16(at + 22, true) === 16;
      if (!pcm || channels < 1) return { kind: 'fault', reason: 'not 16-bit PCM' };
      format = { rateHz: view.getUint32(at + 12, true), channels };
    }
    at += 8 + size + (size & 1);
  }
  return { kind: 'fault', reason: 'no data chunk' };
}
