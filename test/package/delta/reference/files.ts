/** The old file, and the new one as far as it is made: whole in memory, zeros before the start and after the end. Little endian. */

export class File {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    return at >= 0 && at < this.bytes.length ? this.bytes[at] : 0;
  }

  u16(at: number): number {
    return this.u8(at) | (this.u8(at + 1) << 8);
  }

  u32(at: number): number {
    return (this.u8(at) | (this.u8(at + 1) << 8) | (this.u8(at + 2) << 16) | (this.u8(at + 3) << 24)) >>> 0;
  }

  i32(at: number): number {
    return this.u32(at) | 0;
  }

  i64(at: number): bigint {
    return (BigInt(this.i32(at + 4)) << 32n) | BigInt(this.u32(at));
  }
}

/** Positions in both files as one: the new one follows the old one. */
export class BothFiles {
  readonly old: File;
  readonly next: File;

  constructor(old: File, next: File) {
    this.old = old;
    this.next = next;
  }

  u8(at: number): number {
    return at < this.old.sizeBytes ? this.old.u8(at) : this.next.u8(at - this.old.sizeBytes);
  }

  u32(at: number): number {
    return (this.u8(at) | (this.u8(at + 1) << 8) | (this.u8(at + 2) << 16) | (this.u8(at + 3) << 24)) >>> 0;
  }
}
