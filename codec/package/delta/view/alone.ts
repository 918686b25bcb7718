/** How a file is read that has no predecessor: with what is packed in it unpacked. For the encoder only. */

import { MODULE_PLAIN } from '../align.ts';
import { containerOf } from '../container.ts';
import { movesBetween } from '../moves.ts';
import type { Plan } from '../plan.ts';
import { type Reading, readingOf } from './reading.ts';
import { squashedAlone } from './squashed.ts';

const NOTHING = new Uint8Array();

export function readingAlone(content: Uint8Array): Reading {
  return squashedAlone(content) ?? readingOf(NOTHING, content, planAlone(content));
}

function planAlone(content: Uint8Array): Plan {
  const whole = [{ name: '', runs: [{ start: 0, sizeBytes: content.length }] }];
  const parts = containerOf(content)?.parts ?? whole;
  return {
    jobs: parts
      .filter(({ runs }) => runs.length > 0)
      .map(({ name, runs }) => ({ name, newRuns: runs, oldRuns: [], kind: MODULE_PLAIN })),
    copies: [],
    moves: movesBetween(NOTHING, content),
  };
}
