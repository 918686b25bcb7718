/**
 * The rtl_tcp protocol as `rtl_tcp.c` of librtlsdr speaks it (there is no other description).
 *
 *     server, once   | 'R' 'T' 'L' '0' | tuner type: u32 | number of gains: u32 |     then I, Q as u8 for ever
 *     client         | command: u8 | value: u32 |                                     big endian, any time
 */

export const GREETING_BYTES = 12;
const COMMAND_BYTES = 5;

export const COMMAND = {
  frequencyHz: 0x01,
  rateHz: 0x02,
  /** 0 automatic, 1 manual. */
  gainMode: 0x03,
  /** Tenths of a dB. */
  gain: 0x04,
  correctionPpm: 0x05,
  automaticLevel: 0x08,
  gainIndex: 0x0d,
  biasTee: 0x0e,
} as const;

/** `enum rtlsdr_tuner` of rtl-sdr.h. */
const TUNER_NAMES = ['unknown tuner', 'E4000', 'FC0012', 'FC0013', 'FC2580', 'R820T', 'R828D'];
export const TUNER_R820T = 5;
/** Number of gain steps of the R820T in librtlsdr. */
export const R820T_GAINS = 29;

export interface Greeting {
  readonly tunerName: string;
  readonly gainCount: number;
}

const MAGIC = [0x52, 0x54, 0x4c, 0x30];

export function encodeGreeting(tunerType: number, gainCount: number): Uint8Array {
  const bytes = new Uint8Array(GREETING_BYTES);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, tunerType);
  view.setUint32(8, gainCount);
  return bytes;
}

/** Whether a greeting may begin with these bytes, be they less than one. */
export function beginsGreeting(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, k) => k >= bytes.length || bytes[k] === byte);
}

/** Undefined when these are not the first bytes of an rtl_tcp server. */
export function parseGreeting(bytes: Uint8Array): Greeting | undefined {
  if (bytes.length < GREETING_BYTES || !beginsGreeting(bytes)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, GREETING_BYTES);
  return { tunerName: TUNER_NAMES[view.getUint32(4)] ?? 'unknown tuner', gainCount: view.getUint32(8) };
}

/** Negative values (a correction in ppm) go out in two's complement. */
export function encodeCommand(command: number, value: number): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  bytes[0] = command;
  new DataView(bytes.buffer).setInt32(1, value | 0);
  return bytes;
}

export interface Command {
  readonly command: number;
  /** Unsigned, as it stands in the five bytes. */
  readonly value: number;
}

/** Cuts what a client sends into commands; keeps at most four bytes. */
export class CommandReader {
  #kept = new Uint8Array(COMMAND_BYTES);
  #filled = 0;

  push(chunk: Uint8Array): Command[] {
    const commands: Command[] = [];
    for (const byte of chunk) {
      this.#kept[this.#filled++] = byte;
      if (this.#filled < COMMAND_BYTES) continue;
      this.#filled = 0;
      commands.push({ command: this.#kept[0], value: new DataView(this.#kept.buffer).getUint32(1) });
    }
    return commands;
  }
}
