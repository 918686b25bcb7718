/** A device in a temporary folder, with a record of everything that happens to its slots and its boot loader. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootFilesIn, FileBoot } from '#hardware/boot/file-boot.ts';
import type { BootControl, BootState, SlotName, Slots } from '#hardware/contracts.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { createSlotFiles, FileSlots, slotPathsIn } from '#hardware/slots/file.ts';
import type { Device } from '../../receiver/device.ts';
import { StateStore } from '../../receiver/state.ts';

export const SLOT_BYTES = 64 * 1024;

export class PowerCut extends Error {}

/** Cuts the power before its n-th operation on slots or boot loader, or in the middle of that write. */
export class Fuse {
  #left: number;
  readonly #torn: boolean;
  readonly log: string[] = [];

  constructor(operations = Number.POSITIVE_INFINITY, torn = false) {
    this.#left = operations;
    this.#torn = torn;
  }

  get blown(): boolean {
    return this.#left < 0;
  }

  async pass(name: string, work: () => Promise<void>, halfWork: () => Promise<void> = async () => {}): Promise<void> {
    this.log.push(name);
    this.#left--;
    if (this.#left >= 0) return work();
    if (this.#torn && this.#left === -1) await halfWork();
    throw new PowerCut(name);
  }
}

class FusedSlots implements Slots {
  readonly #inner: Slots;
  readonly #fuse: Fuse;
  constructor(inner: Slots, fuse: Fuse) {
    this.#inner = inner;
    this.#fuse = fuse;
  }
  sizeBytes = (slot: SlotName): Promise<number> => this.#inner.sizeBytes(slot);
  read = (slot: SlotName, offset: number, length: number): Promise<Uint8Array> =>
    this.#inner.read(slot, offset, length);
  readSync = (slot: SlotName, offset: number, into: Uint8Array): void => this.#inner.readSync(slot, offset, into);
  write = (slot: SlotName, offset: number, bytes: Uint8Array): Promise<void> =>
    this.#fuse.pass(
      `write ${slot}`,
      () => this.#inner.write(slot, offset, bytes),
      () => this.#inner.write(slot, offset, bytes.subarray(0, bytes.length >> 1)),
    );
  flush = (slot: SlotName): Promise<void> => this.#fuse.pass(`flush ${slot}`, () => this.#inner.flush(slot));
}

class FusedBoot implements BootControl {
  readonly #inner: BootControl;
  readonly #fuse: Fuse;
  constructor(inner: BootControl, fuse: Fuse) {
    this.#inner = inner;
    this.#fuse = fuse;
  }
  state = (): Promise<BootState> => this.#inner.state();
  markUnbootable = (slot: SlotName): Promise<void> =>
    this.#fuse.pass(`close ${slot}`, () => this.#inner.markUnbootable(slot));
  activate = (slot: SlotName, attempts: number): Promise<void> =>
    this.#fuse.pass(`activate ${slot}`, () => this.#inner.activate(slot, attempts));
  markGood = (slot: SlotName): Promise<void> => this.#fuse.pass(`good ${slot}`, () => this.#inner.markGood(slot));
}

/** The same slots or boot loader with one thing done otherwise. */
export function slotsThat(inner: Slots, write: Slots['write']): Slots {
  return {
    sizeBytes: (slot) => inner.sizeBytes(slot),
    read: (slot, offset, length) => inner.read(slot, offset, length),
    readSync: (slot, offset, into) => inner.readSync(slot, offset, into),
    write,
    flush: (slot) => inner.flush(slot),
  };
}
export function bootThat(inner: BootControl, markUnbootable: BootControl['markUnbootable']): BootControl {
  return {
    state: () => inner.state(),
    markUnbootable,
    activate: (slot, attempts) => inner.activate(slot, attempts),
    markGood: (slot) => inner.markGood(slot),
  };
}

/** The state file is replaced in one step or not at all; the power may go before. */
class FusedStore extends StateStore {
  readonly #fuse: Fuse;
  constructor(folder: string, fuse: Fuse) {
    super(folder);
    this.#fuse = fuse;
  }
  override async update(...args: Parameters<StateStore['update']>): ReturnType<StateStore['update']> {
    await this.#fuse.pass('state', async () => {});
    return super.update(...args);
  }
  override async raiseFloor(sequence: number): Promise<void> {
    await this.#fuse.pass('floor', () => super.raiseFloor(sequence));
  }
}

export interface Bench {
  readonly folder: string;
  readonly boot: FileBoot;
  readonly store: StateStore;
  /** The device as it is between two power cuts. */
  device(fuse?: Fuse): Device;
  slotBytes(slot: SlotName): Promise<Uint8Array>;
  slotDigest(slot: SlotName): Promise<string>;
  close(): Promise<void>;
}

export const IDENTITY = { vendor: 'example.com', deviceType: 'RaspberryPi3A_42', hardwareRevision: 2 };

/** Slot A holds `factory`, slot B garbage, and nothing was ever recorded. */
export async function makeBench(
  factory: Uint8Array,
  trustedKeys: readonly Uint8Array[],
  slotBytesEach = SLOT_BYTES,
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'carillon-'));
  const paths = slotPathsIn(folder);
  await createSlotFiles(paths, slotBytesEach);
  const padded = new Uint8Array(slotBytesEach);
  padded.set(factory);
  await writeFile(paths.A, padded);
  await writeFile(paths.B, new Uint8Array(slotBytesEach).fill(0xee));
  const slots = new FileSlots(paths, slotBytesEach);
  const boot = new FileBoot(bootFilesIn(folder), 512);
  const stateFolder = join(folder, 'state');
  let timeMs = 1_800_000_000_000;
  const slotBytes = (slot: SlotName): Promise<Uint8Array> => readFile(paths[slot]);
  return {
    folder,
    boot,
    store: new StateStore(stateFolder),
    device: (fuse = new Fuse()) => ({
      identity: IDENTITY,
      trustedKeys,
      slots: new FusedSlots(slots, fuse),
      boot: new FusedBoot(boot, fuse),
      store: new FusedStore(stateFolder, fuse),
      zstd: nativeZstd,
      nowMs: () => (timeMs += 1000),
    }),
    slotBytes,
    slotDigest: async (slot) => sha256Native(await slotBytes(slot)).toHex(),
    close: async () => {
      await slots.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
