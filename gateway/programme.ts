/** The station's own groups, one after the other: PS and RadioText in turn, and the time. */

import {
  makeClockTimeGroup,
  makePsGroup,
  makeRadioTextGroup,
  type ProgrammeHeader,
  type Station,
} from '#codec/groups/programme.ts';
import type { Group } from '#codec/groups/group.ts';
import type { StationConfig } from './config.ts';

/** Stereo, not compressed, no artificial head, static PTY (EN 50067:1998 table 9). */
const DECODER_STEREO = 1;
const MINUTE_MS = 60_000;

/** What a station says of itself. */
export type ProgrammeConfig = Pick<StationConfig, 'pi' | 'tp' | 'pty' | 'ps' | 'radioText'>;

export class Programme {
  readonly header: ProgrammeHeader;
  readonly #station: Station;
  readonly #radioText: string;
  #psSegment = 0;
  #textSegment = 0;

  constructor({ pi, tp, pty, ps, radioText }: ProgrammeConfig) {
    this.header = { pi, tp, pty };
    this.#station = { header: this.header, ps, ta: false, music: true, decoderInformation: DECODER_STEREO };
    this.#radioText = radioText;
  }

  ps(): Group {
    return makePsGroup(this.#station, this.#psSegment++);
  }

  radioText(): Group {
    return makeRadioTextGroup(this.header, this.#radioText, false, this.#textSegment++);
  }

  /** `timeMs` is when the group will have been sent. UTC; the local offset is not known to the gateway. */
  clockTime(timeMs: number): Group {
    return makeClockTimeGroup(this.header, Math.floor(timeMs / MINUTE_MS), 0);
  }
}
