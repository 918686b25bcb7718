/** Opens what the configuration names; several outputs get the same signal, and the slowest sets the pace. */

import { AirSink } from '#hardware/air/sink.ts';
import type { IqSink, MpxSink } from '#hardware/contracts.ts';
import { IqFileSink } from '#hardware/file/iq-sink.ts';
import { MpxFileSink } from '#hardware/file/mpx-sink.ts';
import type { OutputConfig } from './output-config.ts';

export interface Outputs {
  readonly iq: readonly IqSink[];
  readonly mpx: readonly MpxSink[];
  /** Those of `iq` that are simulated, for the status. */
  readonly airs: readonly AirSink[];
}

export async function openOutputs(
  configs: readonly OutputConfig[],
  stationHz: number,
  onEvent: (text: string) => void,
): Promise<Outputs> {
  const iq: IqSink[] = [];
  const mpx: MpxSink[] = [];
  const airs: AirSink[] = [];
  try {
    for (const config of configs) {
      switch (config.kind) {
        case 'air': {
          const { kind: _, rateHz, savePath, ...rest } = config;
          const air = await AirSink.open({
            ...rest,
            stationHz,
            stationRateHz: rateHz,
            onEvent,
            ...(savePath === undefined ? {} : { savePath }),
          });
          airs.push(air);
          iq.push(air);
          break;
        }
        case 'iq-file':
          iq.push(await IqFileSink.open(config));
          break;
        case 'mpx-file':
          mpx.push(await MpxFileSink.open(config));
          break;
        default:
          config satisfies never;
      }
    }
  } catch (error) {
    await closeOutputs({ iq, mpx });
    throw error;
  }
  return { iq, mpx, airs };
}

export async function closeOutputs({ iq, mpx }: Pick<Outputs, 'iq' | 'mpx'>): Promise<void> {
  await Promise.allSettled([...iq, ...mpx].map(async (sink) => await sink.close()));
}
