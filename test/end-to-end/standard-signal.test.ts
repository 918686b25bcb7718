import { describe, expect, it } from 'vitest';
import { readGroups } from '../independent/rds-decoder.ts';
import { runProgram } from './programs.ts';

/** What leaves `gateway modulate` is read by a decoder that shares no code with ours. */

/** 0A "CARILLON", 2A text, 4A 2026-11-23 20:15, 11A, a 0B for the C' offset word; PI D3C2. */
const PROGRAMME = [
  'D3C2 0548 E0CD 4341',
  'D3C2 0549 E0CD 5249',
  'D3C2 054A E0CD 4C4C',
  'D3C2 054F E0CD 4F4E',
  'D3C2 2540 4865 6C6C',
  'D3C2 2541 6F20 7261',
  'D3C2 2542 6469 6F0D',
  'D3C2 4541 DD25 43C2',
  'D3C2 3556 1000 CA11',
  'D3C2 B540 1234 5678',
  'D3C2 0D48 D3C2 4341',
  'D3C2 B55F FFFF 0000',
];

function mpxOf(bytes: Uint8Array): Float64Array {
  const samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1)));
  return Float64Array.from(samples, (sample) => sample / 32768);
}

async function modulate(lines: readonly string[], args: readonly string[]): Promise<Float64Array> {
  const ended = await runProgram('gateway', ['modulate', '-i', 'hex', '-o', 'mpx', ...args], `${lines.join('\n')}\n`);
  expect(ended.stderr + String(ended.status)).toMatch(/0$/);
  return mpxOf(ended.stdout);
}

const hex = (words: readonly number[]): string =>
  words.map((word) => word.toString(16).toUpperCase().padStart(4, '0')).join(' ');

/** Amplitude of a spectral line, in kHz of deviation. */
function lineKhz(mpx: Float64Array, rateHz: number, frequencyHz: number): number {
  // A whole number of pilot periods, away from both ends.
  const length = Math.floor((mpx.length / 2 / rateHz) * 500) * (rateHz / 500);
  const start = Math.floor(mpx.length / 4);
  let re = 0;
  let im = 0;
  for (let n = 0; n < length; n++) {
    const phase = (2 * Math.PI * frequencyHz * n) / rateHz;
    re += (mpx[start + n] ?? 0) * Math.cos(phase);
    im += (mpx[start + n] ?? 0) * Math.sin(phase);
  }
  return (75 * 2 * Math.hypot(re, im)) / length;
}

describe('an independent decoder on the multiplex signal', () => {
  it('reads every group of stream 0 unchanged, with the right offset words', async () => {
    const mpx = await modulate(PROGRAMME, ['-r', '171k']);
    const reading = readGroups(mpx, 171_000, 57_000);
    expect(reading.groups.map((group) => hex(group.words))).toEqual(PROGRAMME);
    expect(reading.groups.map((group) => group.thirdOffset)).toEqual([...Array(10).fill('C'), "C'", 'C']);
  });

  it('finds pilot and data subcarrier where EN 50067 clauses 1.2 to 1.5 put them', async () => {
    const mpx = await modulate(PROGRAMME, ['-r', '171k']);
    expect(lineKhz(mpx, 171_000, 19_000)).toBeGreaterThan(6);
    expect(lineKhz(mpx, 171_000, 19_000)).toBeLessThan(7.5);
    // Suppressed carrier (clause 1.4), no energy at all above the data.
    expect(lineKhz(mpx, 171_000, 57_000)).toBeLessThan(0.15);
    expect(lineKhz(mpx, 171_000, 61_000)).toBeLessThan(0.02);
    expect(Math.max(...mpx.subarray(0, 60_000).map(Math.abs))).toBeLessThanOrEqual(1);
  });

  it('locks the data subcarrier to the third harmonic of the pilot, in phase or in quadrature, +-10 degrees', async () => {
    const mpx = await modulate(PROGRAMME, ['-r', '171k']);
    let re = 0;
    let im = 0;
    for (let n = 0; n < mpx.length; n++) {
      const phase = (2 * Math.PI * n) / 9;
      re += (mpx[n] ?? 0) * Math.cos(phase);
      im -= (mpx[n] ?? 0) * Math.sin(phase);
    }
    // Phases against sine, as the clause counts them from the pilot's zero crossing.
    const pilotDeg = (Math.atan2(im, re) * 180) / Math.PI + 90;
    const dataDeg = readGroups(mpx, 171_000, 57_000).subcarrierPhaseDeg + 90;
    const difference = (((dataDeg - 3 * pilotDeg) % 90) + 90) % 90;
    expect(Math.min(difference, 90 - difference)).toBeLessThan(10);
  });

  it('reads every group of all four streams', async () => {
    const extra = [1, 2, 3].map((stream) =>
      PROGRAMME.map(
        (_, i) => `50${stream}${i.toString(16)} 1${stream}2${i.toString(16)} CAFE 0${i.toString(16)}F0`,
      ).map((line) => line.toUpperCase()),
    );
    const lines = PROGRAMME.flatMap((line, i) => [line, ...extra.map((stream, s) => `#S${s + 1} ${stream[i] ?? ''}`)]);
    const mpx = await modulate(lines, ['-r', '192k', '--rds2']);
    const frequencies = [57_000, 66_500, 71_250, 76_000];
    for (const [stream, frequencyHz] of frequencies.entries()) {
      const reading = readGroups(mpx, 192_000, frequencyHz);
      const sent = stream === 0 ? PROGRAMME : extra[stream - 1];
      expect(
        reading.groups.map((group) => hex(group.words)),
        `stream ${stream}`,
      ).toEqual(sent);
    }
  });
});
