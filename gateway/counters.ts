/**
 * Keeps the counters of the air interface from ever going back: what may be used is on disk before it is used. After a kill
 * the counter goes on behind everything that was reserved, whether it was used or not; receivers take the gap in their stride.
 *
 * Numbers here count on beyond the 24 bits of the air, so that "further on" is always "greater".
 */

import { join } from 'node:path';
import { ANCHOR_SPACING, COUNTER_MODULUS } from '#codec/groups/anchor.ts';
import { STREAM_NUMBERS, type StreamNumber } from '#codec/groups/group.ts';
import { readIfPresent, replaceDurably } from '#hardware/file/durable.ts';
import { Fields } from '#hardware/file/fields.ts';
import { messageOf } from '#hardware/fault.ts';
import { EXIT, GatewayError } from './fault.ts';

/**
 * Six minutes of a stream that is all ours. A multiple of the anchor spacing, and so that a restart skips less than 4096 groups: then a
 * receiver believes the first anchor after it (air-interface.md section 3).
 */
export const RESERVE_GROUPS = 31 * ANCHOR_SPACING;

export class Counters {
  readonly #path: string;
  /** First number that is not reserved. */
  readonly #reserved: number[];
  readonly #used: number[];
  #saving: Promise<void> | undefined;

  private constructor(path: string, reserved: number[]) {
    this.#path = path;
    this.#reserved = reserved;
    this.#used = [...reserved];
  }

  static async load(stateDir: string): Promise<Counters> {
    const path = join(stateDir, 'counters.json');
    const text = await readIfPresent(path);
    const fresh = STREAM_NUMBERS.map(() => 0);
    if (text === undefined) return new Counters(path, fresh);
    try {
      const fields = new Fields(JSON.parse(text));
      fields.whole('format', { from: 1, to: 1 });
      const streams = fields.object('reserved');
      const count = { from: 0, to: Number.MAX_SAFE_INTEGER };
      return new Counters(
        path,
        STREAM_NUMBERS.map((stream) => streams.whole(String(stream), count)),
      );
    } catch (cause) {
      throw new GatewayError(
        'COUNTERS',
        `${path} is damaged (${messageOf(cause)}); nothing was sent. Write numbers above all that were ever used into it: a repeated counter costs receivers their update.`,
        EXIT.failed,
        cause,
      );
    }
  }

  /** Where a stream begins after a start, 24 bits. */
  startOf(stream: StreamNumber): number {
    return this.#reserved[stream] % COUNTER_MODULUS;
  }

  /** How many groups may be sent before more must be reserved. */
  left(stream: StreamNumber): number {
    return this.#reserved[stream] - this.#used[stream];
  }

  use(stream: StreamNumber): void {
    this.#used[stream]++;
  }

  /**
   * Undefined when `groups` may be used on every stream, as nearly always; else a promise that settles when they may or
   * the disk said no. Reserves early and in the background.
   */
  ensure(streams: readonly StreamNumber[], groups: number): Promise<void> | undefined {
    let least = Number.POSITIVE_INFINITY;
    for (const stream of streams) least = Math.min(least, this.left(stream));
    if (least >= RESERVE_GROUPS / 2) return undefined;
    this.#saving ??= this.#reserve(streams).finally(() => {
      this.#saving = undefined;
    });
    if (least < groups) return this.#saving;
    // Not pressing: a disk that fails now is asked again, and stops the data only when nothing is left.
    this.#saving.catch(() => {});
    return undefined;
  }

  async #reserve(streams: readonly StreamNumber[]): Promise<void> {
    const next = this.#reserved.map((reserved, stream) =>
      streams.some((wanted) => wanted === stream)
        ? Math.max(reserved, this.#alignedUse(stream) + RESERVE_GROUPS)
        : reserved,
    );
    const reserved = Object.fromEntries(next.map((value, stream) => [stream, value]));
    await replaceDurably(this.#path, `${JSON.stringify({ format: 1, reserved })}\n`);
    for (const [stream, value] of next.entries()) this.#reserved[stream] = value;
  }

  #alignedUse(stream: number): number {
    return Math.ceil(this.#used[stream] / ANCHOR_SPACING) * ANCHOR_SPACING;
  }
}
