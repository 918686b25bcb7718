import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from '#codec/messages/link.ts';
import type { Manifest } from '#codec/package/manifest.ts';
import { sealPackage } from '#codec/package/seal.ts';
import { keyIdOf } from '#codec/package/keys.ts';

/** A release key that lives in memory. */
export interface TestKey {
  readonly publicKey: Uint8Array;
  readonly keyId: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export function newKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }).subarray(12));
  return {
    publicKey: raw,
    keyId: keyIdOf(raw),
    sign: (message) => Promise.resolve(new Uint8Array(sign(null, message, privateKey))),
  };
}

/** Bytes that look random and are the same every time. */
export function noise(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  for (let i = 0; i < sizeBytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

export async function newPackage(key: TestKey, sizeBytes: number, more: Partial<Manifest> = {}): Promise<Uint8Array> {
  const payload = noise(sizeBytes, more.sequence ?? 1);
  const digest = new Uint8Array(createHash('sha256').update(payload).digest());
  return await sealPackage(
    {
      format: 1,
      vendor: 'example.org',
      deviceType: 'kiosk',
      version: '1.0.0',
      sequence: 1,
      kind: 'image',
      payloads: [
        {
          target: 'rootfs',
          encoding: 'full',
          compression: 'none',
          sizeOnAirBytes: sizeBytes,
          sizeInstalledBytes: sizeBytes,
          sha256Installed: digest,
          sha256OnAir: digest,
        },
      ],
      ...more,
    },
    [payload],
    key,
  );
}

export function jobFor(jobId: string, bytes: Uint8Array, more: Partial<Job> = {}): Job {
  return {
    kind: 'job',
    jobId,
    packageSha256: new Uint8Array(createHash('sha256').update(bytes).digest()),
    sizeBytes: bytes.length,
    vendor: 'example.org',
    deviceType: 'kiosk',
    version: '1.0.0',
    sequence: 1,
    target: 'image/rootfs',
    priority: 5,
    deadlineMs: 0,
    windows: [],
    paused: false,
    ...more,
  };
}

export interface Folder {
  readonly path: string;
  file(name: string): string;
  writeJson(name: string, value: unknown): Promise<string>;
  remove(): Promise<void>;
}

export async function newFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'carillon-gateway-'));
  return {
    path,
    file: (name) => join(path, name),
    async writeJson(name, value) {
      await writeFile(join(path, name), JSON.stringify(value));
      return join(path, name);
    },
    async remove() {
      await rm(path, { recursive: true, force: true });
    },
  };
}

export const STATION = {
  name: 'Test FM',
  frequencyHz: 98_500_000,
  pi: 'D318',
  ps: 'TEST FM',
  rt: 'A station for tests',
  pty: 10,
};
