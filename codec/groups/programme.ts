/**
 * The groups a station sends for its listeners: 0A with the programme service name, 2A with RadioText, 4A with the time
 * (EN 50067:1998 clauses 3.1.5.1, 3.1.5.3, 3.1.5.6; IEC 62106-2).
 */

import { decodeCharacter, encodeCharacters } from './characters.ts';
import type { Group, ReceivedGroup } from './group.ts';

/** What every type A group of a station says in blocks 1 and 2. */
export interface ProgrammeHeader {
  readonly pi: number;
  /** Traffic programme. */
  readonly tp: boolean;
  /** Programme type, 0..31. */
  readonly pty: number;
}

/*
 *     block 2    TTTT V T PPPPP ddddd      type number and version bit, TP, PTY, five bits of the group's own
 */

export function typeABlock2({ tp, pty }: ProgrammeHeader, groupTypeCode: number, low5: number): number {
  return (groupTypeCode << 11) | (tp ? 0x400 : 0) | (pty << 5) | low5;
}

const RADIOTEXT_LENGTH = 64;
const TYPE_0A = 0;
const TYPE_2A = 4;
const TYPE_4A = 8;
/** AF code 224 "no AF exists" and the filler 205 (EN 50067 table 11). */
const NO_ALTERNATIVE_FREQUENCIES = 0xe0cd;
const RADIOTEXT_END = 0x0d;
const SPACE = 0x20;

export interface Station {
  readonly header: ProgrammeHeader;
  /** Eight characters; shorter is padded with blanks. */
  readonly ps: string;
  /** Traffic announcement on now. */
  readonly ta: boolean;
  /** Music rather than speech. */
  readonly music: boolean;
  /** Decoder identification, d3 d2 d1 d0; 1 = stereo. */
  readonly decoderInformation: number;
}

/*
 *     0A   block 2 low 5: TA, MS, DI bit, segment SS    block 3: AF codes    block 4: characters 2 S and 2 S + 1
 *     The DI bit of segment S is d(3 - S).
 */

export function makePsGroup(station: Station, segment: number): Group {
  const characters = encodeCharacters(station.ps);
  const at = (i: number): number => characters[i] ?? SPACE;
  const s = segment & 3;
  const di = (station.decoderInformation >> (3 - s)) & 1;
  const low5 = (station.ta ? 16 : 0) | (station.music ? 8 : 0) | (di << 2) | s;
  return {
    stream: 0,
    blocks: [
      station.header.pi,
      typeABlock2(station.header, TYPE_0A, low5),
      NO_ALTERNATIVE_FREQUENCIES,
      (at(2 * s) << 8) | at(2 * s + 1),
    ],
  };
}

/** Segments of four characters, the last with the end mark when the text is shorter than 64. */
export function radioTextSegments(text: string): number[][] {
  const characters = encodeCharacters(text).slice(0, RADIOTEXT_LENGTH);
  if (characters.length < RADIOTEXT_LENGTH) characters.push(RADIOTEXT_END);
  while (characters.length % 4 !== 0) characters.push(SPACE);
  const segments: number[][] = [];
  for (let i = 0; i < characters.length; i += 4) segments.push(characters.slice(i, i + 4));
  return segments;
}

/*
 *     2A   block 2 low 5: A/B flag, segment SSSS    blocks 3 and 4: characters 4 S .. 4 S + 3
 */

/** `flag` is toggled when the text changes. */
export function makeRadioTextGroup(header: ProgrammeHeader, text: string, flag: boolean, segment: number): Group {
  const segments = radioTextSegments(text);
  const s = segment % segments.length;
  const [a, b, c, d] = segments[s];
  const low5 = (flag ? 16 : 0) | s;
  return { stream: 0, blocks: [header.pi, typeABlock2(header, TYPE_2A, low5), (a << 8) | b, (c << 8) | d] };
}

const DAY_MINUTES = 1440;
/** Modified Julian Day of 1970-01-01 (EN 50067 annex G counts the same days). */
const MJD_OF_1970 = 40_587;

/*
 *     4A   block 2 low 2 | block 3           | block 4
 *                     MM | MMMMMMMMMMMMMMM H | HHHH mmmmmm S OOOOO     MJD, UTC hour, minute, local offset: sign, half hours
 */

/** The minute that begins when the group ends (the standard asks for 0.1 s). Offset in half hours, -24..24. */
export function makeClockTimeGroup(header: ProgrammeHeader, minutesSince1970: number, offsetHalfHours: number): Group {
  const mjd = Math.floor(minutesSince1970 / DAY_MINUTES) + MJD_OF_1970;
  const minuteOfDay = ((minutesSince1970 % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  const hour = Math.floor(minuteOfDay / 60);
  const offset = (offsetHalfHours < 0 ? 32 : 0) | (Math.abs(offsetHalfHours) & 31);
  return {
    stream: 0,
    blocks: [
      header.pi,
      typeABlock2(header, TYPE_4A, (mjd >> 15) & 3),
      ((mjd & 0x7fff) << 1) | (hour >> 4),
      ((hour & 15) << 12) | ((minuteOfDay % 60) << 6) | offset,
    ],
  };
}

export type ProgrammeGroup =
  | {
      readonly kind: 'ps';
      readonly ta: boolean;
      readonly music: boolean;
      readonly segment: number;
      readonly diBit: number;
      readonly text: string;
    }
  | { readonly kind: 'radiotext'; readonly flag: boolean; readonly segment: number; readonly codes: readonly number[] }
  | { readonly kind: 'clock-time'; readonly minutesSince1970: number; readonly offsetHalfHours: number };

/** Undefined when it is another group or the blocks it needs are lost. Also reads 0B, whose block 4 is the same. */
export function parseProgrammeGroup({ stream, blocks }: ReceivedGroup): ProgrammeGroup | undefined {
  const [, b, c, d] = blocks;
  if (stream !== 0 || b < 0 || d < 0) return undefined;
  const code = b >> 11;
  if (code >> 1 === 0) {
    return {
      kind: 'ps',
      ta: (b & 16) !== 0,
      music: (b & 8) !== 0,
      segment: b & 3,
      diBit: (b >> 2) & 1,
      text: decodeCharacter(d >> 8) + decodeCharacter(d),
    };
  }
  if (c < 0) return undefined;
  if (code === TYPE_2A) {
    return {
      kind: 'radiotext',
      flag: (b & 16) !== 0,
      segment: b & 15,
      codes: [c >> 8, c & 255, d >> 8, d & 255],
    };
  }
  if (code !== TYPE_4A) return undefined;
  const mjd = ((b & 3) << 15) | (c >> 1);
  const hour = ((c & 1) << 4) | (d >> 12);
  const minute = (d >> 6) & 63;
  if (hour > 23 || minute > 59 || mjd < MJD_OF_1970) return undefined;
  const halfHours = d & 31;
  return {
    kind: 'clock-time',
    minutesSince1970: (mjd - MJD_OF_1970) * DAY_MINUTES + hour * 60 + minute,
    offsetHalfHours: (d & 32) === 0 ? halfHours : -halfHours,
  };
}

/** What a status page shows of the station that is tuned in. */
export interface ProgrammeStatus {
  readonly pi: number | undefined;
  readonly tp: boolean;
  readonly pty: number;
  /** Undefined until every segment was heard. */
  readonly ps: string | undefined;
  readonly radioText: string | undefined;
  readonly clockMinutesSince1970: number | undefined;
}

/** Puts PS and RadioText together from their segments. Memory: 64 codes. */
export class ProgrammeReader {
  #pi: number | undefined;
  #rivalPi: number | undefined;
  #tp = false;
  #pty = 0;
  readonly #ps: (string | undefined)[] = Array.from({ length: 4 }, () => undefined);
  #flag: boolean | undefined;
  #radioText: (readonly number[] | undefined)[] = [];
  #clock: number | undefined;

  push(group: ReceivedGroup): void {
    const [a, b] = group.blocks;
    if (group.stream !== 0) return;
    if (a >= 0 && !this.#isOfStation(a)) return;
    if (b < 0) return;
    this.#tp = (b & 0x400) !== 0;
    this.#pty = (b >> 5) & 31;
    const parsed = parseProgrammeGroup(group);
    switch (parsed?.kind) {
      case 'ps':
        this.#ps[parsed.segment] = parsed.text;
        break;
      case 'radiotext':
        if (parsed.flag !== this.#flag) this.#radioText = [];
        this.#flag = parsed.flag;
        this.#radioText[parsed.segment] = parsed.codes;
        break;
      case 'clock-time':
        this.#clock = parsed.minutesSince1970;
        break;
      case undefined:
        break;
    }
  }

  /** Another PI is another station when it comes twice in a row (a group may be wrong): nothing of the one before is its. */
  #isOfStation(pi: number): boolean {
    const isNew = this.#pi === undefined || pi === this.#rivalPi;
    this.#rivalPi = pi === this.#pi || isNew ? undefined : pi;
    if (pi === this.#pi) return true;
    if (!isNew) return false;
    if (this.#pi !== undefined) {
      this.#ps.fill(undefined);
      this.#radioText = [];
      this.#flag = undefined;
      this.#clock = undefined;
    }
    this.#pi = pi;
    return true;
  }

  status(): ProgrammeStatus {
    return {
      pi: this.#pi,
      tp: this.#tp,
      pty: this.#pty,
      ps: this.#ps.includes(undefined) ? undefined : this.#ps.join(''),
      radioText: this.#assembleRadioText(),
      clockMinutesSince1970: this.#clock,
    };
  }

  #assembleRadioText(): string | undefined {
    let text = '';
    for (let s = 0; s < RADIOTEXT_LENGTH / 4; s++) {
      const codes = this.#radioText[s];
      if (codes === undefined) return undefined;
      const end = codes.indexOf(RADIOTEXT_END);
      for (const code of end < 0 ? codes : codes.slice(0, end)) text += decodeCharacter(code);
      if (end >= 0) break;
    }
    return text.trimEnd();
  }
}
