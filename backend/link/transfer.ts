/** Sends packages in pieces, one piece in memory at a time and no faster than the gateway takes them. */

import { open } from 'node:fs/promises';
import { PIECE_BYTES, type Piece } from '#codec/messages/link.ts';

export interface Wanted {
  readonly jobId: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly priority: number;
  readonly offsetBytes: number;
}

/**
 * The transfers of one connection. The most urgent runs, the others wait and go on from where they were; a new `want` for the same job takes the place of
 * the old one. `send` resolves when the connection can take more.
 */
export class Transfers {
  readonly #send: (piece: Piece) => Promise<void>;
  readonly #wanted = new Map<string, Wanted>();
  #running = false;
  #closed = false;

  constructor(send: (piece: Piece) => Promise<void>) {
    this.#send = send;
  }

  /** Throws what reading throws; ends early when the connection is closed. */
  async want(wanted: Wanted): Promise<void> {
    this.#wanted.set(wanted.jobId, wanted);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#mostUrgent(); next !== undefined; next = this.#mostUrgent()) await this.#sendSome(next);
    } finally {
      this.#running = false;
    }
  }

  drop(jobId: string): void {
    this.#wanted.delete(jobId);
  }

  close(): void {
    this.#closed = true;
    this.#wanted.clear();
  }

  #mostUrgent(): Wanted | undefined {
    return [...this.#wanted.values()].toSorted((a, b) => b.priority - a.priority)[0];
  }

  /** Until it is whole, dropped, asked for again from elsewhere, or something more urgent came. */
  async #sendSome(wanted: Wanted): Promise<void> {
    const file = await open(wanted.path, 'r');
    try {
      let at = wanted.offsetBytes;
      while (at < wanted.sizeBytes && this.#mostUrgent() === wanted && !this.#closed) {
        const bytes = new Uint8Array(Math.min(PIECE_BYTES, wanted.sizeBytes - at));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, at);
        if (bytesRead === 0) throw new Error(`${wanted.path} is shorter than ${wanted.sizeBytes} bytes.`);
        await this.#send({
          kind: 'piece',
          jobId: wanted.jobId,
          offsetBytes: at,
          bytes: bytes.subarray(0, bytesRead),
        });
        at += bytesRead;
      }
      if (this.#wanted.get(wanted.jobId) !== wanted) return;
      if (at < wanted.sizeBytes) this.#wanted.set(wanted.jobId, { ...wanted, offsetBytes: at });
      else this.#wanted.delete(wanted.jobId);
    } finally {
      await file.close();
    }
  }
}
