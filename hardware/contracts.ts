/**
 * The seams where hardware joins the path. An adapter converts and reports what it really did; it decides nothing.
 * Whoever asks for a frequency or a rate gets back what the device really set.
 */

import type { Group } from '#codec/groups/group.ts';
import type { SampleFormat } from '#codec/iq/samples.ts';

/** Time as the programs see it. A simulated station may run faster than the wall clock. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Resolves when `nowMs()` has reached `timeMs`. */
  sleepUntilMs(timeMs: number, signal?: AbortSignal): Promise<void>;
}

export interface TuneRequest {
  readonly frequencyHz: number;
  readonly rateHz: number;
  /** Tuner gain in dB, or `auto`. */
  readonly gainDb: number | 'auto';
  /** Correction of the crystal in parts per million. */
  readonly correctionPpm: number;
}

/** What the device really does. */
export interface Tuned {
  readonly frequencyHz: number;
  readonly rateHz: number;
  readonly format: SampleFormat;
  /** For people: tuner name, file name. */
  readonly description: string;
}

/** Complex baseband samples from a dongle, a file or the simulated air. */
export interface IqSource {
  open(request: TuneRequest): Promise<Tuned>;
  /** Chunks of any size, each owned by the caller. Ends at end of file; throws when the device is gone. */
  chunks(): AsyncIterable<Uint8Array>;
  /**
   * Another frequency on an open source, while somebody reads `chunks`: what comes afterwards is of this frequency, the
   * samples in between are thrown away. Absent where it cannot be done; open a new source then.
   */
  retune?(frequencyHz: number): Promise<Tuned>;
  close(): Promise<void>;
}

/** Takes complex baseband samples: [I, Q, I, Q, ...], |x| <= 1. */
export interface IqSink {
  readonly rateHz: number;
  /** The samples are used before the promise resolves; the caller may then overwrite them. */
  write(samples: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/** Takes the multiplex signal: instantaneous deviation in units of 75 kHz, |x| <= 1. */
export interface MpxSink {
  readonly rateHz: number;
  write(samples: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Takes whole groups, for an RDS encoder that makes the signal by itself.
 *
 * @public
 */
export interface GroupSink {
  write(group: Group): Promise<void>;
  close(): Promise<void>;
}

export type SlotName = 'A' | 'B';

/** The two places a system can be installed in. */
export interface Slots {
  sizeBytes(slot: SlotName): Promise<number>;
  /** Reads exactly `lengthBytes` from `offsetBytes`; throws past the end. */
  read(slot: SlotName, offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** Fills `into`, for code that can't wait; throws past the end. */
  readSync(slot: SlotName, offsetBytes: number, into: Uint8Array): void;
  write(slot: SlotName, offsetBytes: number, bytes: Uint8Array): Promise<void>;
  /** Returns once everything written to the slot is on stable storage. */
  flush(slot: SlotName): Promise<void>;
}

export interface BootState {
  /** Slots in the order the boot loader tries them; the first bootable one starts. */
  readonly order: readonly SlotName[];
  /** Attempts the boot loader has left for each slot; 0 is unbootable. */
  readonly attemptsLeft: Readonly<Record<SlotName, number>>;
  /** The slot that the running system was started from. */
  readonly running: SlotName;
}

/** The boot loader's variables, in RAUC's convention (BOOT_ORDER, BOOT_x_LEFT). Every call is durable when it resolves. */
export interface BootControl {
  state(): Promise<BootState>;
  /** The boot loader will not try this slot. */
  markUnbootable(slot: SlotName): Promise<void>;
  /** This slot is tried first from the next boot, at most `attempts` times until it is marked good. */
  activate(slot: SlotName, attempts: number): Promise<void>;
  /** The slot proved itself: attempts are restored and it stays first. */
  markGood(slot: SlotName): Promise<void>;
}

/** Signs with a key that never leaves its place. */
export interface Signer {
  /** COSE `kid`: first 8 bytes of the SHA-256 of the raw public key. */
  readonly keyId: Uint8Array;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}
