/**
 * From content to a sealed package in a file. Compressing a system image takes many seconds of processor, so it runs in a
 * thread; the key stays here, and the thread asks for a signature with a message.
 */

import { Worker } from 'node:worker_threads';
import type { PackageKind } from '#codec/package/manifest.ts';
import type { Signer } from '#hardware/contracts.ts';

/** What a manifest says besides its payloads. */
interface PackageDescription {
  readonly vendor: string;
  readonly deviceType: string;
  readonly hardwareRevisions: readonly number[];
  readonly version: string;
  readonly sequence: number;
  readonly kind: PackageKind;
  readonly target: string;
  readonly author: string;
  readonly notes: string;
}

export interface PackOrder {
  readonly description: PackageDescription;
  readonly contentPath: string;
  /** Contents that a device may have now, no two the same; there is a way from each. */
  readonly bases: readonly { readonly version: string; readonly path: string }[];
  readonly encoding: 'auto' | 'full' | 'delta';
  /** Made whole or not at all. */
  readonly packagePath: string;
}

/** How devices come to the content, one payload each. */
export interface PackedWay {
  /** The version that it starts from; null for full content. */
  readonly base: string | null;
  /** The version that it leads to, from where another way goes on; null for the new one. */
  readonly through: string | null;
  readonly onAirBytes: number;
  /** Why this and nothing else, for people. */
  readonly reason: string;
}

/** A delta that was made, and perhaps is not chosen. */
export interface PackProgress {
  readonly version: string;
  readonly from: string;
  readonly to: string;
  /** Of `ofDeltas`, from 1 on. */
  readonly delta: number;
  readonly ofDeltas: number;
  readonly sizeBytes: number;
  readonly seconds: number;
}

export interface Packed {
  readonly encoding: 'full' | 'delta';
  readonly packageSha256Hex: string;
  readonly packageSizeBytes: number;
  readonly payloadSizeBytes: number;
  readonly fullSizeBytes: number;
  readonly ways: readonly PackedWay[];
}

export type ToThread = { readonly signature: Uint8Array };
export type FromThread =
  | { readonly kind: 'sign'; readonly message: Uint8Array }
  | { readonly kind: 'progress'; readonly progress: PackProgress }
  | { readonly kind: 'packed'; readonly packed: Packed }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string };

/** `code` is the operating system's (ENOSPC) or the codec's (MANIFEST). */
export class PackError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'PackError';
    this.code = code;
  }
}

export type Pack = (order: PackOrder) => Promise<Packed>;

export function packWith(signer: Signer, tell: (progress: PackProgress) => void): Pack {
  return (order) =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL('./thread.ts', import.meta.url), {
        workerData: { order, keyId: signer.keyId },
      });
      // Stopping does not wait for it: what it leaves is removed at the next start.
      thread.unref();
      const finish = (settle: () => void): void => {
        settle();
        void thread.terminate();
      };
      thread.on('message', (message: FromThread) => {
        switch (message.kind) {
          case 'sign':
            signer.sign(message.message).then(
              // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
              (signature) => thread.postMessage({ signature } satisfies ToThread),
              (error: unknown) =>
                finish(() => reject(new PackError('SIGNING', 'The package could not be signed.', error))),
            );
            break;
          case 'progress':
            tell(message.progress);
            break;
          case 'packed':
            finish(() => resolve(message.packed));
            break;
          case 'failed':
            finish(() => reject(new PackError(message.code, message.text)));
            break;
        }
      });
      thread.on('error', (error) => finish(() => reject(new PackError('THREAD', 'Packing failed.', error))));
      thread.on('exit', () => reject(new PackError('THREAD', 'Packing ended without a result.')));
    });
}
