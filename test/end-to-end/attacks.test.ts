/**
 * What somebody can try who holds a transmitter: each attack is a package that goes on air as groups, multiplex and IQ, is
 * recorded, and is heard by a device. The device has to receive it, refuse it, say why, and be what it was before.
 */

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deltaPayload, fullPayload } from '#codec/package/payload.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { tamper } from '../../scripts/demo/tamper.ts';
import { content, sealExample, signerFromSeed } from '../package/example.ts';
import { type Ended, runProgram, runShell, textOf } from './programs.ts';

const VENDOR = 'example.com';
const DEVICE_TYPE = 'RaspberryPi3A_42';
const SLOT_BYTES = 16_384;
const FACTORY_SEQUENCE = 5;
const release = signerFromSeed(1);
const stranger = signerFromSeed(2);
const factory = content(1, 12_000);
/** 12.6 s on all four streams: two anchors of each stream, and three times what these packages need. */
const SLOTS = 144;

const folder = mkdtempSync(join(tmpdir(), 'carillon-attacks-'));
const factoryFolder = join(folder, 'factory');

const next = Uint8Array.of(...factory.subarray(0, 5000), ...content(2, 200), ...factory.subarray(5000));
const delta = await deltaPayload(factory, next, nativeZstd);

const honest = (changes = {}): Promise<Uint8Array> =>
  sealExample([delta], release, { version: '6', sequence: 6, ...changes });

beforeAll(async () => {
  mkdirSync(join(factoryFolder, 'slots'), { recursive: true });
  writeFileSync(join(factoryFolder, 'factory.img'), factory);
  writeFileSync(
    join(factoryFolder, 'receiver.json'),
    JSON.stringify({
      vendor: VENDOR,
      deviceType: DEVICE_TYPE,
      trustedKeys: [{ base64: release.publicKey.toBase64() }],
      slots: { folder: 'slots', sizeBytes: SLOT_BYTES },
      stateFolder: 'state',
      source: { kind: 'file', path: 'air.cu8' },
      frequencyHz: 98_500_000,
      rateHz: 250_000,
      gainDb: 20,
      streams: 4,
    }),
  );
  const provisioned = await runProgram('receiver', [
    'provision',
    join(factoryFolder, 'factory.img'),
    '--config',
    join(factoryFolder, 'receiver.json'),
    '--as',
    '5',
    '--sequence',
    String(FACTORY_SEQUENCE),
  ]);
  mustSucceed(provisioned);
  // An empty slot would hide a write of zeros.
  writeFileSync(join(factoryFolder, 'slots', 'slot-b.img'), content(99, SLOT_BYTES));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function mustSucceed({ status, stderr }: Ended): void {
  if (status !== 0) throw new Error(`exit status ${status}: ${stderr}`);
}

interface Status {
  readonly boot: { running: string; order: string[]; attemptsLeft: { A: number; B: number } };
  readonly refusals: { reason: string; count: number; explanation: string }[];
  readonly facts: Record<string, unknown>;
}

/** One device as it left the factory, and what is on its air. */
class Device {
  readonly path: string;

  constructor(name: string) {
    this.path = join(folder, name.replaceAll(/\W+/g, '-'));
    cpSync(factoryFolder, this.path, { recursive: true });
  }

  get #config(): string[] {
    return ['--config', join(this.path, 'receiver.json')];
  }

  slot(name: 'a' | 'b'): string {
    return join(this.path, 'slots', `slot-${name}.img`);
  }

  digests(): string[] {
    return [this.slot('a'), this.slot('b')].map((path) =>
      createHash('sha256').update(readFileSync(path)).digest('hex'),
    );
  }

  /** Puts packages on air, one after the other, under the directory tag of this device, and records that. */
  async record(...packages: readonly Uint8Array[]): Promise<void> {
    const scripts = packages.map((bytes, i) => {
      const path = join(this.path, `${i}.pkg`);
      writeFileSync(path, bytes);
      return `$GATEWAY encode ${path} --rds2 --groups ${SLOTS} --device-type ${VENDOR}/${DEVICE_TYPE} -o hex |
        $GATEWAY modulate -i hex -r 250k -o iq --rds2 --audio none`;
    });
    const recorded = await runShell(`{ ${scripts.join('; ')}; } > ${join(this.path, 'air.cu8')}`);
    mustSucceed(recorded);
  }

  listen(...options: string[]): Promise<Ended> {
    return runProgram('receiver', ['listen', ...options, ...this.#config]);
  }

  async status(): Promise<Status> {
    const ended = await runProgram('receiver', ['status', '--json', ...this.#config]);
    mustSucceed(ended);
    return JSON.parse(textOf(ended)) as Status;
  }

  async boot(): Promise<Record<string, unknown>> {
    const ended = await runProgram('receiver', ['boot', ...this.#config]);
    return JSON.parse(textOf(ended)) as Record<string, unknown>;
  }
}

function eventsOf(ended: Ended): Record<string, unknown>[] {
  return textOf(ended)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface Attack {
  readonly name: string;
  readonly make: () => Promise<Uint8Array>;
  /** What happened to the device before. */
  readonly before?: (device: Device) => void;
  readonly reason: string;
  readonly explanation: RegExp;
}

const attacks: readonly Attack[] = [
  {
    name: 'a package that a stranger signed',
    make: () => sealExample([delta], stranger, { version: '6', sequence: 6 }),
    reason: 'unknown-key',
    explanation: /key that this device does not trust/,
  },
  {
    name: 'a package that was changed, with digests that fit',
    make: async () => tamper(await honest()),
    reason: 'bad-signature',
    explanation: /changed or forged/,
  },
  {
    name: 'a signed package of another device type under the tag of this one',
    make: () => honest({ deviceType: 'CityLamp_3' }),
    reason: 'wrong-device-type',
    explanation: /another device type.*CityLamp_3/,
  },
  {
    name: 'an older release, signed and recorded in its time',
    make: () => honest({ version: '4', sequence: FACTORY_SEQUENCE - 1 }),
    reason: 'older-sequence',
    explanation: /older than what this device has had/,
  },
  {
    name: 'a delta whose base was damaged on the device',
    make: () => honest(),
    before: (device) => {
      const bytes = readFileSync(device.slot('a'));
      bytes[7000] ^= 1;
      writeFileSync(device.slot('a'), bytes);
    },
    reason: 'base-mismatch',
    explanation: /other content than what is running/,
  },
  {
    name: 'a signed package with bytes behind its end',
    make: async () => Uint8Array.of(...(await honest()), ...content(3, 40)),
    reason: 'wrong-size',
    explanation: /fewer or more bytes/,
  },
  {
    name: 'full content that does not fit into the slot',
    make: () =>
      sealExample([fullPayload(new Uint8Array(SLOT_BYTES + 1), nativeZstd)], release, { version: '6', sequence: 6 }),
    reason: 'too-large',
    explanation: /does not fit into the slot/,
  },
];

describe('over the air, a device refuses', () => {
  it.each(attacks)('$name', async ({ name, make, before, reason, explanation }) => {
    const device = new Device(name);
    before?.(device);
    const digests = device.digests();
    await device.record(await make());

    const heard = await device.listen('--until-installed');
    expect(heard.status, heard.stderr).toBe(3);
    const events = eventsOf(heard);
    expect(events.filter(({ event }) => event === 'refused')).toEqual([
      expect.objectContaining({ reason, explanation: expect.stringMatching(explanation) as unknown }),
    ]);
    expect(events.map(({ event }) => event)).not.toContain('installed');

    const status = await device.status();
    expect(status.refusals).toEqual([
      expect.objectContaining({ reason, count: 1, explanation: expect.stringMatching(explanation) as unknown }),
    ]);
    expect(status.boot).toMatchObject({ running: 'A', order: ['A'], attemptsLeft: { B: 0 } });
    expect(status.facts).toMatchObject({ written: null, running: { slot: 'A', sequence: FACTORY_SEQUENCE } });
    expect(await device.boot()).toMatchObject({ slot: 'A', running: 'A' });
    expect(device.digests()).toEqual(digests);
  });
});

describe('over the air, a device', () => {
  it('installs what is signed, so that the attacks above were refused for what they are', async () => {
    const device = new Device('honest');
    await device.record(await honest());
    const heard = await device.listen('--until-installed');
    expect(heard.status, heard.stderr).toBe(0);
    expect(readFileSync(device.slot('b')).subarray(0, next.length).equals(next)).toBe(true);
    expect(await device.boot()).toMatchObject({ slot: 'B', running: 'B' });
  });

  it('refuses an attack and installs the release that the real station sends after it', async () => {
    const device = new Device('recovery');
    await device.record(tamper(await honest()), await honest());
    const heard = await device.listen();
    expect(heard.status, heard.stderr).toBe(0);
    expect(
      eventsOf(heard)
        .map(({ event }) => event)
        .filter((event) => event === 'refused' || event === 'installed'),
    ).toEqual(['refused', 'installed']);
    expect((await device.status()).refusals).toEqual([expect.objectContaining({ reason: 'bad-signature', count: 1 })]);
  });
});
