/** How a file is read that has no predecessor: with what is packed in it unpacked. For the encoder only. */

import { MODULE_PLAIN } from '../align.ts';
import { ext4Parts } from '../ext4.ts';
import { movesBetween } from '../moves.ts';
import type { Plan } from '../plan.ts';
import { tarParts } from '../tar.ts';
import { type Reading, readingOf } from './reading.ts';
import { squashedAlone } from './squashed.ts';

const NOTHING = new Uint8Array();

export function readingAlone(content: Uint8Array): Reading {
  return squashedAlone(content) ?? readingOf(NOTHING, content, planAlone(content));
}

function planAlone(content: Uint8Array): Plan {
  const whole = [{ name: '', runs: [{ start: 0, sizeBytes: content.length }] }];
  const parts = ext4Parts(content) ?? tarParts(content) ?? whole;
  return {
    jobs: parts
      .filter(({ runs }) => runs.length > 0)
      .map(({ name, runs }) => ({ name, newRuns: runs, oldRuns: [], kind: MODULE_PLAIN })),
    copies: [],
    moves: movesBetween(NOTHING, content),
  };
}
