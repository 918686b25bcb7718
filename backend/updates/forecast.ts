/** How long a package would take, computed for two ordinary stations: a forecast, never what was received. */

import { airtimeOf, type StreamShare } from '#codec/airtime.ts';

/** Of our groups; what a receiver with a fair aerial loses. */
const LOSS = 0.05;
/** What a station with an ordinary programme can spare of stream 0. */
const SHARE_OF_STREAM_0 = 0.25;

const STATIONS: Readonly<Record<'rds' | 'rds2', readonly StreamShare[]>> = {
  rds: [{ stream: 0, share: SHARE_OF_STREAM_0 }],
  rds2: [
    { stream: 0, share: SHARE_OF_STREAM_0 },
    { stream: 1, share: 1 },
    { stream: 2, share: 1 },
    { stream: 3, share: 1 },
  ],
};

interface StationForecast {
  readonly streams: StreamShare[];
  readonly loss: number;
  readonly meanSeconds: number;
  /** Nine receivers in ten that listen from the start have it by then. */
  readonly seconds90: number;
}

export interface Forecast {
  readonly rds: StationForecast;
  readonly rds2: StationForecast;
}

export function forecast(sizeBytes: number): Forecast {
  return { rds: forecastAt('rds', sizeBytes), rds2: forecastAt('rds2', sizeBytes) };
}

function forecastAt(station: keyof Forecast, sizeBytes: number): StationForecast {
  const streams = STATIONS[station];
  const { meanSeconds, seconds90 } = airtimeOf({ sizeBytes, streams, loss: LOSS });
  return {
    streams: streams.map((stream) => ({ ...stream })),
    loss: LOSS,
    meanSeconds: Math.round(meanSeconds),
    seconds90: Math.round(seconds90),
  };
}
