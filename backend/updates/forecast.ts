/** How long a package would take, computed for two ordinary stations: a forecast, never what was received. */

import { type Airtime, airtimeOf, calendarSeconds, type StreamShare } from '#codec/airtime.ts';

/** Of our groups; what a receiver with a fair aerial loses. */
const LOSS = 0.05;
/** What a station with an ordinary programme can spare of stream 0. */
const SHARE_OF_STREAM_0 = 0.25;
const TWO_HOURS_SECONDS = 7200;

const STATIONS: Readonly<Record<'rds' | 'rds2', readonly StreamShare[]>> = {
  rds: [{ stream: 0, share: SHARE_OF_STREAM_0 }],
  rds2: [
    { stream: 0, share: SHARE_OF_STREAM_0 },
    { stream: 1, share: 1 },
    { stream: 2, share: 1 },
    { stream: 3, share: 1 },
  ],
};

/** Half, nine in ten, and 99 in 100 of the receivers that listen from the start have it by then. */
interface Percentiles {
  readonly seconds50: number;
  readonly seconds90: number;
  readonly seconds99: number;
}

interface StationForecast extends Percentiles {
  readonly streams: StreamShare[];
  readonly loss: number;
  readonly meanSeconds: number;
  /** Of those that listen two hours a day, pauses included. */
  readonly twoHoursADay: Percentiles;
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
  const always = airtimeOf({ sizeBytes, streams, loss: LOSS });
  return {
    streams: streams.map((stream) => ({ ...stream })),
    loss: LOSS,
    meanSeconds: Math.round(always.meanSeconds),
    ...percentiles(always, (seconds) => seconds),
    twoHoursADay: percentiles(always, (seconds) => calendarSeconds(seconds, TWO_HOURS_SECONDS)),
  };
}

function percentiles({ seconds50, seconds90, seconds99 }: Airtime, calendar: (seconds: number) => number): Percentiles {
  return {
    seconds50: Math.round(calendar(seconds50)),
    seconds90: Math.round(calendar(seconds90)),
    seconds99: Math.round(calendar(seconds99)),
  };
}
