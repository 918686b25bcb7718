import { describe, expect, it } from 'vitest';
import { SAMPLE_BYTES, SAMPLE_FORMATS, SampleReader, writeSamples } from '#codec/iq/samples.ts';
import { randomWords } from '../mpx/signals.ts';

/** Bytes and floats as other programs define these formats (rtl_sdr, hackrf_transfer, GNU Radio). */
const KNOWN = [
  ['cu8', [0, 255], [-127.4 / 128, 127.6 / 128]],
  ['cs8', [0x80, 0x7f], [-1, 127 / 128]],
  ['cs16', [0x00, 0x80, 0xff, 0x7f], [-1, 32_767 / 32_768]],
  ['cf32', [0, 0, 0x80, 0x3f, 0, 0, 0x00, 0xbf], [1, -0.5]],
] as const;

describe('sample formats', () => {
  it.each(KNOWN)('%s reads %j as %j', (format, bytes, floats) => {
    const read = new SampleReader(format).read(Uint8Array.from(bytes));
    expect([...read]).toEqual(floats.map(Math.fround));
  });

  it('write a full-scale carrier without clipping and limit what is beyond', () => {
    const floats = Float32Array.of(1, -1, 5, -5);
    expect([...writeSamples('cu8', floats)]).toEqual([255, 1, 255, 0]);
    expect([...writeSamples('cs8', floats)]).toEqual([127, 0x81, 127, 0x80]);
    expect([...writeSamples('cs16', floats)]).toEqual([0xff, 0x7f, 0x01, 0x80, 0xff, 0x7f, 0x00, 0x80]);
    expect(writeSamples('cf32', floats, 2)).toHaveLength(8);
  });

  it.each(SAMPLE_FORMATS)('%s comes back within its resolution', (format) => {
    const words = randomWords(1);
    const floats = Float32Array.from({ length: 200 }, () => words() / 2 ** 31 - 1);
    const back = new SampleReader(format).read(writeSamples(format, floats));
    const step = { cu8: 0.013, cs8: 0.013, cs16: 1e-4, cf32: 0 }[format];
    for (const [k, value] of floats.entries()) expect(Math.abs(back[k] - value)).toBeLessThanOrEqual(step);
  });

  it.each(SAMPLE_FORMATS)('%s is the same cut at every byte, and byte by byte', (format) => {
    const words = randomWords(2);
    const bytes = Uint8Array.from({ length: 6 * SAMPLE_BYTES[format] + 1 }, () => words() & 0x3f);
    const whole = [...new SampleReader(format).read(bytes)];
    expect(whole).toHaveLength(12);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new SampleReader(format);
      expect([...reader.read(bytes.subarray(0, cut)), ...reader.read(bytes.subarray(cut))]).toEqual(whole);
    }
    const reader = new SampleReader(format);
    expect([...bytes].flatMap((byte) => [...reader.read(Uint8Array.of(byte))])).toEqual(whole);
  });

  it('cf32 takes what is not a number, or absurd, as silence', () => {
    const bytes = writeSamples('cf32', Float32Array.of(Number.NaN, Infinity, -1e30, 0.25));
    expect([...new SampleReader('cf32').read(bytes)]).toEqual([0, 0, 0, 0.25]);
  });
});
