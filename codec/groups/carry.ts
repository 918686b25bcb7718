/** The sending half of the air interface for one stream (air-interface.md sections 1.1, 2 and 3). */

import { MisuseError } from '../misuse.ts';
import { FountainSpreader, type Spreader } from '../symbols/spread.ts';
import {
  ANCHOR_SPACING,
  ASSIGNMENT_SPACING,
  COUNTER_MODULUS,
  makeAnchorA,
  makeAnchorC,
  VERSION_ANCHORS_MIN,
} from './anchor.ts';
import { makeAssignment } from './announce.ts';
import {
  type Directory,
  DIRECTORY_UNIT_BYTES,
  DIRECTORY_WIDTH,
  directoryIdentity,
  encodeDirectory,
} from './directory.ts';
import type { Blocks, Group, StreamNumber } from './group.ts';
import { DIRECTORY_HANDLE, handleBit } from './handle.ts';
import { type ProgrammeHeader, typeABlock2 } from './programme.ts';

export interface StreamCarrierOptions extends ProgrammeHeader {
  readonly stream: StreamNumber;
  /** Stream 0: type and version of the ODA's groups, e.g. 22 = 11A. */
  readonly groupTypeCode: number;
  /** Streams 1..3: function number. */
  readonly channel: number;
  /** Where the counter starts: after everything that was ever sent on this stream. Rounded up to an anchor. */
  readonly counter: number;
}

type CarriedKind = 'anchor' | 'symbols' | 'assignment';

export interface Carried {
  readonly group: Group;
  readonly kind: CarriedKind;
  /** Counter of the group; for an assignment, which is not counted, that of the next. */
  readonly counter: number;
  /** What the group's run serves. */
  readonly handle: number;
  /** Identity of the object whose symbols these are, hexadecimal; undefined for the directory, anchors and assignments. */
  readonly identity: string | undefined;
}

/** Which handle the run with this index (c >> 4) serves. */
export type Serve = (runIndex: number) => number;
/** The object behind a handle of the directory in force. */
export type SpreaderOf = (handle: number) => Spreader | undefined;

/** Makes our groups of one stream, one after the other. */
export class StreamCarrier {
  readonly stream: StreamNumber;
  readonly #groupTypeCode: number;
  readonly #channel: number;
  #header: ProgrammeHeader;
  #counter: number;
  #directory: Directory | undefined;
  #directorySpreader: Spreader | undefined;
  #nextDirectory: Directory | undefined;
  /** Anchors of the version in force; before a start it was so for long. */
  #versionAnchors = VERSION_ANCHORS_MIN;
  #handle = DIRECTORY_HANDLE;
  #spreader: Spreader | undefined;
  #assignmentDue = false;
  readonly #sent = new Map<string, number>();

  constructor(options: StreamCarrierOptions) {
    this.stream = options.stream;
    this.#groupTypeCode = options.groupTypeCode;
    this.#channel = options.channel;
    this.#header = options;
    this.#counter = (Math.ceil(options.counter / ANCHOR_SPACING) * ANCHOR_SPACING) % COUNTER_MODULUS;
  }

  /** The counter of the next counted group, 24 bits. */
  get counter(): number {
    return this.#counter;
  }

  /** The directory in force, undefined before the first group. */
  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** Groups with symbols sent for each object, by identity in hexadecimal. */
  get sent(): ReadonlyMap<string, number> {
    return this.#sent;
  }

  /** True when the next group is an assignment (streams 1..3), which serves nobody. */
  get assignmentDue(): boolean {
    return this.#assignmentDue;
  }

  /** Whether a directory that is set now takes effect at the next anchor. */
  get mayChange(): boolean {
    return this.#versionAnchors >= VERSION_ANCHORS_MIN;
  }

  setHeader(header: ProgrammeHeader): void {
    this.#header = header;
  }

  /** Takes effect at the next anchor at which the one in force has been so for four. Its version must differ from that of the directory in force. */
  setDirectory(directory: Directory): void {
    if (this.#directory !== undefined && directory.version === this.#directory.version) {
      throw new MisuseError('DIRECTORY_VERSION', 'a changed directory needs a new version');
    }
    encodeDirectory(directory);
    this.#nextDirectory = directory;
  }

  /** The next group. `serve` is asked once for every run; a handle without an object makes the run the directory's. */
  next(serve: Serve, spreaderOf: SpreaderOf): Carried {
    if (this.#assignmentDue) {
      this.#assignmentDue = false;
      const group = makeAssignment(this.stream, this.#channel, this.#header.pi);
      return { group, kind: 'assignment', counter: this.#counter, handle: this.#handle, identity: undefined };
    }
    const c = this.#counter;
    const isAnchor = c % ANCHOR_SPACING === 0;
    if (isAnchor) this.#versionAnchors++;
    if (isAnchor && this.#nextDirectory !== undefined && this.#versionAnchors > VERSION_ANCHORS_MIN)
      this.#adopt(this.#nextDirectory);
    if (this.#directory === undefined || this.#directorySpreader === undefined) {
      throw new MisuseError('NO_DIRECTORY', 'a stream needs a directory before its first group');
    }
    if (c % 16 === 0) {
      const handle = serve(c >>> 4);
      this.#spreader = handle === DIRECTORY_HANDLE ? undefined : spreaderOf(handle);
      this.#handle = this.#spreader === undefined ? DIRECTORY_HANDLE : handle;
    }
    this.#counter = (c + 1) % COUNTER_MODULUS;
    const handle = this.#handle;
    if (isAnchor) {
      this.#assignmentDue = this.stream !== 0 && c % ASSIGNMENT_SPACING === 0;
      const sizeUnits = this.#directorySpreader.sizeBytes / DIRECTORY_UNIT_BYTES;
      const make = this.stream === 0 ? makeAnchorA : makeAnchorC;
      const words = make(this.stream, c, this.#directory.version, sizeUnits);
      return { group: this.#wrap(c, words), kind: 'anchor', counter: c, handle, identity: undefined };
    }
    const spreader = this.#spreader ?? this.#directorySpreader;
    const words = spreader.payload(this.stream, c);
    let identity: string | undefined;
    if (this.#spreader !== undefined) {
      identity = spreader.identity.toHex();
      this.#sent.set(identity, (this.#sent.get(identity) ?? 0) + 1);
    }
    return { group: this.#wrap(c, words), kind: 'symbols', counter: c, handle, identity };
  }

  #adopt(directory: Directory): void {
    const bytes = encodeDirectory(directory);
    this.#directory = directory;
    this.#directorySpreader = new FountainSpreader(
      bytes,
      DIRECTORY_WIDTH,
      directoryIdentity(directory.version, bytes.length / DIRECTORY_UNIT_BYTES),
    );
    this.#nextDirectory = undefined;
    this.#versionAnchors = 1;
  }

  /*
   *     type A   block 2 low 5: r nnnn              type C   block 1: 01 CCCCCC r nnn pppp
   */
  #wrap(c: number, words: readonly number[]): Group {
    const r = handleBit(this.#handle, c & 15);
    if (this.stream === 0) {
      const low5 = (r << 4) | (c & 15);
      const blocks: Blocks = [
        this.#header.pi,
        typeABlock2(this.#header, this.#groupTypeCode, low5),
        words[0],
        words[1],
      ];
      return { stream: 0, blocks };
    }
    const block1 = 0x4000 | (this.#channel << 8) | (r << 7) | ((c & 7) << 4) | words[0];
    return { stream: this.stream, blocks: [block1, words[1], words[2], words[3]] };
  }
}
