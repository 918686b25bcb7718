/** Where our groups fall on the group clock, and which of them are lost: the same for whoever asks. */

import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { DEFAULT_RATES, Rota } from '../../../gateway/rota.ts';
import { Seeded } from '../../groups/station.ts';

const SHARE_A = 0.7;

export interface Bearer {
  readonly name: 'A' | 'C';
  readonly stream: StreamNumber;
  /** Of the stream's groups. */
  readonly share: number;
  /** Bits of a group that are free (air-interface.md section 1). */
  readonly usefulBits: number;
  /** Of payload. */
  readonly nibbles: number;
}

export const BEARERS = {
  A: { name: 'A', stream: 0, share: SHARE_A, usefulBits: 37, nibbles: 8 },
  C: { name: 'C', stream: 1, share: 1, usefulBits: 56, nibbles: 13 },
} as const satisfies Record<string, Bearer>;

export interface Loss {
  readonly share: number;
  /** Mean length of a burst in groups of the stream, geometrically distributed; 1 = independent losses. */
  readonly burst: number;
}

export const LOSSES: readonly Loss[] = [1, 10, 100].flatMap((burst) =>
  [0, 0.05, 0.1, 0.2, 0.3, 0.5].filter((share) => share > 0 || burst === 1).map((share) => ({ share, burst })),
);

export const lossName = ({ share, burst }: Loss): string =>
  `${share * 100} %${burst > 1 ? `, bursts of ${burst}` : ''}`;

export class Air {
  readonly #loss: Loss;
  readonly #random: Seeded;
  readonly #share: number;
  /** Undefined where slots are ours in turn. */
  readonly #rota: Rota | undefined;
  #slot = 0;
  #ours = 0;
  #inBurst: boolean;

  constructor({ stream, share }: { readonly stream: number; readonly share: number }, loss: Loss, seed: number) {
    this.#loss = loss;
    this.#random = new Seeded(seed);
    this.#share = share;
    this.#rota = stream === 0 ? new Rota({ share, rates: DEFAULT_RATES }) : undefined;
    this.#inBurst = this.#random.next() < loss.share;
  }

  /** The slot of our next group, and whether that is lost. */
  next(): { readonly slot: number; readonly isLost: boolean } {
    for (;;) {
      const slot = this.#slot++;
      const isLost = this.#losesNext();
      if (this.#carries(slot)) return { slot, isLost };
    }
  }

  #carries(slot: number): boolean {
    if (this.#rota !== undefined) return this.#rota.next((slot / GROUPS_PER_SECOND) * 1000) === 'data';
    if (this.#ours >= (slot + 1) * this.#share) return false;
    this.#ours++;
    return true;
  }

  #losesNext(): boolean {
    const { share, burst } = this.#loss;
    if (burst === 1) return this.#random.next() < share;
    // Gilbert's two states: bursts end with 1 / burst and begin so often that the share comes out.
    const change = this.#inBurst ? 1 / burst : share / (1 - share) / burst;
    if (this.#random.next() < change) this.#inBurst = !this.#inBurst;
    return this.#inBurst;
  }
}
