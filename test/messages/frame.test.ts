import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../codec/messages/frame.ts';

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 });

describe('frames', () => {
  it('property: what was framed comes out, however it was cut', () => {
    fc.assert(
      fc.property(contents, fc.array(fc.nat(2000), { maxLength: 10 }), (frames, cuts) => {
        const stream = join(frames.map((frame) => encodeFrame(frame)));
        const reader = new FrameReader();
        const out: Uint8Array[] = [];
        const bounds = [0, ...cuts.map((cut) => Math.min(cut, stream.length)).toSorted((a, b) => a - b), stream.length];
        for (let i = 1; i < bounds.length; i++) {
          const { frames: complete, fault } = reader.push(stream.subarray(bounds[i - 1], bounds[i]));
          expect(fault).toBeUndefined();
          out.push(...complete);
        }
        expect(out).toEqual(frames);
      }),
    );
  });

  it('come out when the stream is split at every position, and byte by byte', () => {
    const frames = [Uint8Array.of(1), Uint8Array.of(2, 3, 4), new Uint8Array(70).fill(9)];
    const stream = join(frames.map((frame) => encodeFrame(frame)));
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new FrameReader();
      const out = [...reader.push(stream.subarray(0, cut)).frames, ...reader.push(stream.subarray(cut)).frames];
      expect(out).toEqual(frames);
    }
    const reader = new FrameReader();
    expect([...stream].flatMap((byte) => reader.push(Uint8Array.of(byte)).frames)).toEqual(frames);
  });

  it('hold as much as they may and not a byte more', () => {
    const largest = new Uint8Array(MAX_FRAME_BYTES).fill(7);
    expect(new FrameReader().push(encodeFrame(largest)).frames).toEqual([largest]);
    expect(() => encodeFrame(new Uint8Array(MAX_FRAME_BYTES + 1))).toThrow('A frame holds');
    expect(() => encodeFrame(new Uint8Array(0))).toThrow('A frame holds');
    const reader = new FrameReader();
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, MAX_FRAME_BYTES + 1);
    expect(reader.push(header)).toEqual({ frames: [], fault: 'frame-too-long' });
    expect(reader.push(encodeFrame(Uint8Array.of(1)))).toEqual({ frames: [], fault: 'frame-too-long' });
  });

  it('before a fault still come out with it', () => {
    const stream = join([encodeFrame(Uint8Array.of(5)), new Uint8Array(4)]);
    expect(new FrameReader().push(stream)).toEqual({ frames: [Uint8Array.of(5)], fault: 'frame-empty' });
  });

  it('property: any bytes at all give frames or a fault, never an exception', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const reader = new FrameReader();
        for (const chunk of chunks) {
          const { frames, fault } = reader.push(chunk);
          expect(frames.every((frame) => frame.length > 0 && frame.length <= MAX_FRAME_BYTES)).toBe(true);
          expect([undefined, 'frame-empty', 'frame-too-long']).toContain(fault);
        }
      }),
    );
  });
});
