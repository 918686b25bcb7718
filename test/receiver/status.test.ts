import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Progress, writeProgress } from '../../receiver/progress.ts';
import { describeStatus, deviceStatus } from '../../receiver/status.ts';
import { content } from '../package/example.ts';
import { type Bench, makeBench } from './device.ts';
import { PROGRESS } from './signals.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await makeBench(content(1, 1000), []);
});
afterAll(() => bench.close());

async function statusOf(progress: Progress, ageMs: number): Promise<{ text: string; advice: string | undefined }> {
  const state = join(bench.folder, 'state');
  const device = { ...bench.device(), nowMs: () => progress.timeMs + ageMs };
  await device.store.update((facts) => facts);
  await writeProgress(state, progress);
  const status = await deviceStatus(device, 'unknown', state);
  return { text: describeStatus(status), advice: status.receiving?.advice?.reason };
}

const signal = { ...PROGRESS.signal } as NonNullable<Progress['signal']>;

describe('status while listening', () => {
  it('shows carrier, streams and the last hour, each with its age', async () => {
    const { text, advice } = await statusOf(PROGRESS, 1000);
    expect(text.split('\n').slice(-6, -1)).toEqual([
      'receiving  50.0 % of 0123456789abcdef (9000 bytes), counted 1 s ago',
      'signal     98.5 MHz: level -12.5 dBFS, C/N 24.0 dB in 250 kHz, carrier -800 Hz, pilot 6.70 kHz, 0.1 % clipped; measured 1 s ago',
      'stream 0   locked, block error rate 4.2 %, Eb/N0 11.2 dB, clock -3.4 ppm, 1000 of 1100 groups whole; measured 1 s ago',
      'stream 1   not followed, 0 of 0 groups whole; measured 1 s ago',
      'history    █· last 2 min: locked 100 % of the time, block error rate 4.0 %, C/N 24.0 dB, 640 of 685 groups whole, 1 start of a group clock; up to 1 s ago',
    ]);
    expect(advice).toBeUndefined();
  });

  it('says why nothing is received, after ten seconds without a block', async () => {
    expect((await statusOf({ ...PROGRESS, signal: { ...signal, silentSeconds: 9 } }, 0)).advice).toBeUndefined();
    const silent = { ...signal, silentSeconds: 40, carrier: { ...signal.carrier, cnDb: 7 } };
    const { text, advice } = await statusOf({ ...PROGRESS, signal: silent }, 1000);
    expect(advice).toBe('weak');
    expect(text).toMatch(/^advice {5}Nothing is received\. There is a station, but too weak.*7\.0 dB/m);
  });

  it('shows what is old as old, and what is gone as gone', async () => {
    const silent = { ...PROGRESS, signal: { ...signal, silentSeconds: 40, timeMs: PROGRESS.timeMs - 20_000 } };
    const old = await statusOf(silent, 5 * 86_400_000);
    expect(old.text).toMatch(/^warning {4}these numbers are old: written 5 days ago; listen does not run/m);
    expect(old.text).toMatch(/^advice {5}As of 5 days ago: nothing was received/m);
    const gone = await statusOf({ ...silent, connected: false }, 4000);
    expect(gone.advice).toBeUndefined();
    expect(gone.text).toMatch(/^source {5}gone, or at its end, 4 s ago; of a dongle, check its cable and rtl_tcp$/m);
    expect(gone.text).toMatch(/^signal .*measured 24 s ago$/m);
    const held = {
      cause: 'disk-full',
      sinceMs: PROGRESS.timeMs,
      heldGroups: 1234,
      heldPackages: 1,
      heldObjects: 0,
    } as const;
    const full = await statusOf({ ...PROGRESS, storage: held }, 4000);
    expect(full.text).toMatch(
      /^warning {4}disk full: since 2027-01-15T08:00:00.000Z, 1234 groups, 1 finished packages are held in memory only$/m,
    );
    const wrong = { groups: 0, symbols: 34, symbolsOfSpells: 0, symbolsForgotten: 0, mismatches: 0, directories: 1 };
    const lied = await statusOf({ ...PROGRESS, wrong }, 4000);
    expect(lied.text).toMatch(
      /^wrong {6}34 symbols found and left out; 1 directory not believed\. What is right is kept/m,
    );
    const never = await statusOf({ ...PROGRESS, signal: null, history: [], objects: [] }, 90 * 60_000);
    expect(never.text).toMatch(/receiving {2}nothing for this device, counted 90 min ago\n/);
    expect(never.text).not.toMatch(/^signal|^history|^advice/m);
  });
});
