/**
 * A group: four blocks of 16 information bits (IEC 62106-2, "Group structure"; EN 50067:1998 clause 2.1).
 *
 *     block 1          block 2          block 3          block 4
 *     |PIPIPIPIPIPIPIPI|TTTTVPYYYYYddddd|dddddddddddddddd|dddddddddddddddd|   streams 0 (types A and B)
 *     |FFNNNNNNpppppppp|pppppppppppppppp|pppppppppppppppp|pppppppppppppppp|   streams 1..3 (type C)
 */

/** RDS data stream: 0 on 57 kHz, 1 on 66.5 kHz, 2 on 71.25 kHz, 3 on 76 kHz (IEC 62106-2). */
export type StreamNumber = 0 | 1 | 2 | 3;

export const STREAM_NUMBERS: readonly StreamNumber[] = [0, 1, 2, 3];

/** Four 16-bit information words, block 1 first. */
export type Blocks = readonly [number, number, number, number];

/** A group as it is sent: complete by construction. */
export interface Group {
  readonly stream: StreamNumber;
  readonly blocks: Blocks;
}

/** Value of a block that was not received. */
export const LOST_BLOCK = -1;

/** A group as it was received: a lost block is `LOST_BLOCK`. */
export interface ReceivedGroup {
  readonly stream: StreamNumber;
  readonly blocks: Blocks;
  /**
   * Position on the stream's group clock (one per 104 bits, counted on through fades), or -1 where the source has no
   * clock (a hex file from which lines may be missing). Only differences mean anything.
   */
  readonly slot: number;
  /** True when a receiver lost synchronisation since the group before, so that `slot` may not be compared across. */
  readonly clockRestarted: boolean;
}

/** One number for each block, block 1 first. */
export type PerBlock = readonly [number, number, number, number];

/** A group as the demodulating half of the path gives it: what it knows besides the words. */
export interface HeardGroup extends ReceivedGroup {
  /** Probability that the word of each block is the one that was sent; 0 for a lost block. */
  readonly reliability: PerBlock;
  /** Channel symbols of each block that were received with the wrong sign and turned over; -1 for a lost block. */
  readonly turned: PerBlock;
  /** When the first bit of the group began, in seconds from the first sample of the input. */
  readonly startSeconds: number;
}

export function isWhole(group: ReceivedGroup): boolean {
  const [a, b, c, d] = group.blocks;
  return a !== LOST_BLOCK && b !== LOST_BLOCK && c !== LOST_BLOCK && d !== LOST_BLOCK;
}
