/** Objects and their groups, for the tests of this folder. */

import type { Width } from '#codec/symbols/layout.ts';
import { ObjectCollector } from '#codec/symbols/collect.ts';
import { drawWords } from '#codec/symbols/random.ts';
import { scramble, unscramble } from '#codec/symbols/scramble.ts';
import { FountainSpreader } from '#codec/symbols/spread.ts';

export function randomBytes(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  drawWords(Uint32Array.of(seed, 1, 2, 3), words, 0, words.length);
  return new Uint8Array(words.buffer).slice(0, length);
}

/** 32 random bits at a time. */
export function randomWords(seed: number): () => number {
  const state = Uint32Array.of(seed, 5, 6, 7);
  const word = new Uint32Array(1);
  return () => {
    drawWords(state, word, 0, 1);
    return word[0];
  };
}

/** What of a payload arrives; nothing when that is undefined. */
export type Channel = (words: number[], stream: number, counter: number) => readonly number[] | undefined;

export interface Sending {
  readonly spreader: FountainSpreader;
  readonly collector: ObjectCollector;
  /** Groups sent. */
  sent: number;
  /** Sends the next group through a channel. True = complete. */
  next(channel?: Channel): boolean;
}

/** An object on its way, groups of `streams` by turns. */
export function sending(bytes: Uint8Array, width: Width, streams: readonly number[], from = 0xff_fff0): Sending {
  const spreader = new FountainSpreader(bytes, width);
  const collector = new ObjectCollector(spreader.identity, bytes.length, width);
  return {
    spreader,
    collector,
    sent: 0,
    next(channel = (words) => words) {
      const stream = streams[this.sent % streams.length];
      const counter = (from + Math.floor(this.sent / streams.length)) & 0xff_ffff;
      this.sent++;
      const words = channel(spreader.payload(stream, counter), stream, counter);
      return words === undefined ? collector.bytes() !== undefined : collector.addGroup(stream, counter, words);
    },
  };
}

/** Words that were spoilt before they were scrambled: the symbols of the group are wrong by just this. */
export function spoilt(words: readonly number[], stream: number, counter: number, error: readonly number[]): number[] {
  const changed = [...words];
  unscramble(stream, counter, changed);
  for (const [i, bits] of error.entries()) changed[i] ^= bits;
  scramble(stream, counter, changed);
  return changed;
}
