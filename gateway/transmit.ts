/**
 * The loop that never stops for anything but the end: groups -> multiplex -> FM -> outputs, a thirtieth of a second at a
 * time. The outputs set the pace. What a group counts for is noted when its samples have been handed over.
 */

import type { AudioSource } from '#codec/mpx/audio.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import type { CountedClock } from '#hardware/clock/clock.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import type { GroupClock, Pulled } from './group-clock.ts';
import type { Outputs } from './outputs.ts';

export interface TransmitOptions {
  readonly rateHz: number;
  readonly streams: readonly StreamNumber[];
  readonly rdsDeviationHz: number;
  readonly audio: AudioSource | null;
  readonly groups: GroupClock;
  readonly outputs: Pick<Outputs, 'iq' | 'mpx'>;
  /** The station's time; this loop drives it. */
  readonly clock: CountedClock;
  /** Before every chunk: what must be durable, and what changes on air. Must not throw. */
  readonly between: () => Promise<void> | undefined;
  readonly onSent: (pulled: readonly Pulled[]) => void;
}

/** 33 ms at 250 ksps: small enough for the caches, large enough for the sockets. */
const CHUNK_SAMPLES = 8192;

/** Resolves when `signal` is aborted, rejects when an output is gone. */
export async function transmit(options: TransmitOptions, signal: AbortSignal): Promise<void> {
  const { rateHz, streams, rdsDeviationHz, audio, groups, outputs, clock, between, onSent } = options;
  const modulator = new MpxModulator({
    rateHz,
    streams: streams.length > 1 ? 4 : 1,
    rdsDeviationHz,
    audio,
    nextGroup: groups.next,
  });
  const fm = new FmModulator({ rateHz });
  const mpx = new Float32Array(CHUNK_SAMPLES);
  const iq = new Float32Array(2 * CHUNK_SAMPLES);
  const wantsIq = outputs.iq.length > 0;
  const sole = outputs.mpx.length === 0 && outputs.iq.length === 1 ? outputs.iq[0] : undefined;
  let samples = 0;
  while (!signal.aborted) {
    const waiting = between();
    if (waiting !== undefined) await waiting;
    modulator.modulate(mpx);
    if (wantsIq) fm.modulate(mpx, iq);
    if (sole !== undefined) await sole.write(iq);
    else await writeAll(outputs, mpx, iq);
    samples += CHUNK_SAMPLES;
    clock.setElapsedMs((samples / rateHz) * 1000);
    onSent(groups.takePulled());
  }
}

async function writeAll(
  { iq, mpx }: Pick<Outputs, 'iq' | 'mpx'>,
  mpxSamples: Float32Array,
  iqSamples: Float32Array,
): Promise<void> {
  await Promise.all([
    ...mpx.map(async (sink) => await sink.write(mpxSamples)),
    ...iq.map(async (sink) => await sink.write(iqSamples)),
  ]);
}
