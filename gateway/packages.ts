/**
 * Packages on disk: STATE/packages/<jobId>.part while they arrive, <jobId>.pkg once they are whole, verified and flushed.
 * What a .part holds after a crash is taken up again; its SHA-256 shows at the end whether it was right.
 */

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '#codec/messages/link.ts';
import { explainRefusal } from '#codec/package/refusal.ts';
import { openPackage } from '#codec/package/seal.ts';
import { OBJECT_SIZE_MAX_BYTES } from '#codec/symbols/layout.ts';
import { renameDurably } from '#hardware/file/durable.ts';
import { systemCodeOf } from '#hardware/fault.ts';

export type Verdict =
  | { readonly kind: 'accepted'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly detail: string }
  /** Not the bytes that were announced. */
  | { readonly kind: 'wrong-hash'; readonly detail: string };

/** Whether these bytes are what the job says, and signed by a key that this gateway trusts. */
function verifyPackage(job: Job, bytes: Uint8Array, trustedKeys: readonly Uint8Array[]): Verdict {
  const hash = createHash('sha256').update(bytes).digest();
  if (!hash.equals(job.packageSha256))
    return { kind: 'wrong-hash', detail: `Refused: the SHA-256 is ${hash.toHex()}, not the one announced.` };
  const opened = openPackage(bytes, trustedKeys);
  if (opened.kind === 'refused') return { kind: 'refused', detail: explainRefusal(opened) };
  const { vendor, deviceType, sequence } = opened.manifest;
  if (vendor !== job.vendor || deviceType !== job.deviceType || sequence !== job.sequence)
    return {
      kind: 'refused',
      detail: `Refused: the job is for ${job.vendor} ${job.deviceType} sequence ${job.sequence}, the signed package for ${vendor} ${deviceType} sequence ${sequence}.`,
    };
  return { kind: 'accepted', bytes };
}

/** Why a job cannot be taken at all. */
export function unusableSize({ sizeBytes }: Job): string | undefined {
  return sizeBytes >= 1 && sizeBytes <= OBJECT_SIZE_MAX_BYTES
    ? undefined
    : `Refused: ${sizeBytes} bytes do not fit into one object on air (at most ${OBJECT_SIZE_MAX_BYTES}).`;
}

export class PackageStore {
  readonly #folder: string;
  readonly #trustedKeys: readonly Uint8Array[];
  #part: { readonly jobId: string; readonly file: FileHandle } | undefined;

  private constructor(folder: string, trustedKeys: readonly Uint8Array[]) {
    this.#folder = folder;
    this.#trustedKeys = trustedKeys;
  }

  static async open(stateDir: string, trustedKeys: readonly Uint8Array[]): Promise<PackageStore> {
    const folder = join(stateDir, 'packages');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new PackageStore(folder, trustedKeys);
  }

  /** Bytes of the package that are here already. */
  async partBytes({ jobId, sizeBytes }: Job): Promise<number> {
    await this.#closePart();
    const size = await sizeOf(this.#partPath(jobId));
    if (size <= sizeBytes) return size;
    await rm(this.#partPath(jobId));
    return 0;
  }

  /** Throws what the disk says; what was written before stays. */
  async append(jobId: string, offsetBytes: number, bytes: Uint8Array): Promise<void> {
    if (this.#part?.jobId !== jobId) {
      await this.#closePart();
      this.#part = { jobId, file: await openForAppending(this.#partPath(jobId)) };
    }
    const { file } = this.#part;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offsetBytes + done);
      done += bytesWritten;
    }
  }

  /** Verifies a whole part. Only when this returns `accepted` is the package on stable storage under its final name. */
  async finish(job: Job): Promise<Verdict> {
    const path = this.#partPath(job.jobId);
    await this.#closePart();
    const verdict = verifyPackage(job, await readFile(path), this.#trustedKeys);
    if (verdict.kind !== 'accepted') {
      await rm(path, { force: true });
      return verdict;
    }
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await renameDurably(path, this.#packagePath(job.jobId));
    return verdict;
  }

  /** A stored package, verified anew; undefined when it is gone or no longer what it was. */
  async load(job: Job): Promise<Uint8Array | undefined> {
    try {
      const verdict = verifyPackage(job, await readFile(this.#packagePath(job.jobId)), this.#trustedKeys);
      return verdict.kind === 'accepted' ? verdict.bytes : undefined;
    } catch (error) {
      if (systemCodeOf(error) === undefined) throw error;
      return undefined;
    }
  }

  async remove(jobId: string): Promise<void> {
    if (this.#part?.jobId === jobId) await this.#closePart();
    await rm(this.#partPath(jobId), { force: true });
    await rm(this.#packagePath(jobId), { force: true });
  }

  /** Removes what no job knows, left by a crash between two steps. */
  async sweep(jobIds: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder))
      if (!jobIds.has(name.replace(/\.(part|pkg)$/, ''))) await rm(join(this.#folder, name), { force: true });
  }

  async close(): Promise<void> {
    await this.#closePart();
  }

  async #closePart(): Promise<void> {
    const part = this.#part;
    this.#part = undefined;
    await part?.file.close();
  }

  #partPath(jobId: string): string {
    return join(this.#folder, `${jobId}.part`);
  }

  #packagePath(jobId: string): string {
    return join(this.#folder, `${jobId}.pkg`);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function openForAppending(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return await open(path, 'w', 0o600);
  }
}
