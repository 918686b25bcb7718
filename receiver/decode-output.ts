/** Groups to lines of text: hex as other programs read it, or JSON with everything that is known. */

import type { HeardGroup, ReceivedGroup } from '#codec/groups/group.ts';
import { isWhole, LOST_BLOCK, STREAM_NUMBERS } from '#codec/groups/group.ts';
import { formatHexGroup, formatHexWord } from '#codec/groups/hex.ts';
import type { ByteWriter } from '#hardware/file/bytes.ts';

export const OUTPUTS = ['hex', 'json'] as const;

export interface OutputForm {
  readonly output: (typeof OUTPUTS)[number];
  /** JSON: also groups of which blocks are missing. Hex always has them. */
  readonly partial: boolean;
  /** JSON: with the share of blocks that were not right. */
  readonly blockErrorRate: boolean;
  readonly timeFromStart: boolean;
}

/** Group type as people write it (0A, 15B); C for a group of an RDS2 stream; null when block 2 is lost. */
function typeOf(group: ReceivedGroup): string | null {
  if (group.stream !== 0) return 'C';
  const second = group.blocks[1];
  return second === LOST_BLOCK ? null : `${second >> 12}${(second & 0x0800) === 0 ? 'A' : 'B'}`;
}

/** Groups of version B have it in block 3 too; those of type C have none. */
function piOf({ stream, blocks: [first, second, third] }: ReceivedGroup): string | null {
  if (stream !== 0) return null;
  const isB = second !== LOST_BLOCK && (second & 0x0800) !== 0;
  const word = first === LOST_BLOCK && isB ? third : first;
  return word === LOST_BLOCK ? null : formatHexWord(word);
}

/** 1 means certain, so nothing else is rounded up to it. */
function downTo4Decimals(share: number): number {
  return Math.floor(share * 1e4) / 1e4;
}

function jsonOf(group: ReceivedGroup | HeardGroup, form: OutputForm, blockErrorRate: number | null): string {
  const heard = 'reliability' in group ? group : null;
  return JSON.stringify({
    stream: group.stream,
    // A line of hex does not say when it was.
    ...(heard !== null && { slot: group.slot, clockRestarted: group.clockRestarted }),
    ...(heard !== null && form.timeFromStart && { seconds: heard.startSeconds }),
    type: typeOf(group),
    pi: piOf(group),
    blocks: group.blocks.map((word) => (word === LOST_BLOCK ? null : formatHexWord(word))),
    ...(heard !== null && {
      reliability: heard.reliability.map(downTo4Decimals),
      errors: heard.turned.map((turned) => (turned < 0 ? null : turned)),
    }),
    ...(form.blockErrorRate && blockErrorRate !== null && { blockErrorRate: Math.round(blockErrorRate * 1e4) / 1e4 }),
  });
}

/** Seconds with six decimals, as redsea appends them; whoever reads hex stops after the fourth block. */
function hexOf(group: ReceivedGroup | HeardGroup, { timeFromStart }: OutputForm): string {
  const line = formatHexGroup(group);
  return timeFromStart && 'startSeconds' in group ? `${line} ${group.startSeconds.toFixed(6)}` : line;
}

/** Lines that wait to be written; one write per chunk of input. */
export class LineOutput {
  readonly #writer: ByteWriter;
  readonly #form: OutputForm;
  #waiting = '';

  constructor(writer: ByteWriter, form: OutputForm) {
    this.#writer = writer;
    this.#form = form;
  }

  /** A group of which nothing is left says only that time has passed, and that the next slot number says too. */
  put(group: ReceivedGroup | HeardGroup, blockErrorRate: number | null = null): void {
    if (group.blocks.every((word) => word === LOST_BLOCK)) return;
    if (this.#form.output === 'hex') this.#waiting += `${hexOf(group, this.#form)}\n`;
    else if (this.#form.partial || isWhole(group)) {
      this.#waiting += `${jsonOf(group, this.#form, blockErrorRate)}\n`;
    }
  }

  async flush(): Promise<boolean> {
    const lines = this.#waiting;
    this.#waiting = '';
    return lines === '' || this.#writer.write(lines);
  }
}

/** As many as the receiver averages over. */
const RATE_GROUPS = 12;

/** Share of missing blocks in the last groups of a stream, for input that says no more than that. */
export class MissingBlocks {
  readonly #recent: number[][] = STREAM_NUMBERS.map(() => []);

  /** The share with this group. */
  add(group: ReceivedGroup): number {
    const recent = this.#recent[group.stream];
    recent.push(group.blocks.filter((word) => word === LOST_BLOCK).length);
    if (recent.length > RATE_GROUPS) recent.shift();
    return recent.reduce((sum, missing) => sum + missing, 0) / (4 * recent.length);
  }
}
