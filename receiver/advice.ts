/**
 * Why nothing is received, as far as what was measured tells, and what to try next. The rules are asked in order, the
 * surest first. Their limits were measured with what FM gives for silence, noise, stations without RDS, wrong rates and
 * wrong formats; test/receiver/advice.test.ts makes each of these signals.
 */

import type { MeasuredSignal } from './measure.ts';

export const ADVICE_REASONS = [
  'no-samples',
  'too-short',
  'not-data-bits',
  'nothing-modulated',
  'beyond-range',
  'overloaded',
  'mistuned',
  'not-fm',
  'level-too-low',
  'only-noise',
  'weak',
  'no-rds',
  'no-pilot',
  'no-groups',
] as const;

export type AdviceReason = (typeof ADVICE_REASONS)[number];

export interface Advice {
  readonly reason: AdviceReason;
  readonly sentence: string;
}

/** A live signal may be gone for so long before anybody is bothered. */
export const PATIENCE_SECONDS = 10;

/** Two groups: less says nothing. Within a second a good signal has always given some. */
const LEAST_SECONDS = 0.2;
const ENOUGH_SECONDS = 1;
/** Deviation of what does not move; the rounding of a bare carrier in 8 bits makes 80 Hz. */
const STILL_HZ = 0.1;
/** No format but cf32 reaches more than 3 dB: both of I and Q at their ends. */
const BEYOND_DBFS = 6;
/** A carrier that fills the range and is not clipped has 0 dB. */
const OVERLOADED_DBFS = 0.5;
const CLIPPED_SHARE = 0.1;
/** A station 50 kHz away is still read; the mean of one 100 kHz away is seen at 83 kHz. */
const MISTUNED_HZ = 60_000;
/** On 57 kHz: noise without a carrier makes 12.6 kHz of any level, a carrier at 5 dB 4.7 kHz. */
const NOISE_HZ = 5_000;
/** At 12 dB half of the groups are whole; a station without RDS makes 1.9 kHz on 57 kHz there. */
const WEAK_CN_DB = 12;
const WEAK_HZ = 2_400;
/** Eight bits have nothing below this that a tuner could have put there. */
const LOW_DBFS = -40;
/** Noise is seldom set so high by hand. */
const STRONG_DBFS = -8;
/** ITU-R BS.450 asks for 6 to 7.5 kHz; a multiplex may be recorded at a tenth of its level. */
const LEAST_PILOT_HZ = 300;
/** A subcarrier is 15 % of the pilot or more (1 kHz to 6.75 kHz). */
const LEAST_OF_PILOT = 0.1;
/** Noise of a flat spectrum gives the pilot's filter twice what it gives a subcarrier's. */
const NOISE_OF_PILOT = 0.4;

/** Undefined when blocks were received: in the last `patienceSeconds` of a live signal, or ever when it is absent. */
export function adviceFor(signal: MeasuredSignal, patienceSeconds?: number): Advice | undefined {
  const { silentSeconds, acceptedBlocks } = signal;
  if (patienceSeconds === undefined ? acceptedBlocks > 0 : silentSeconds < patienceSeconds) return undefined;
  const reason = reasonOf(signal);
  return { reason, sentence: sentenceOf(reason, signal) };
}

function reasonOf(signal: MeasuredSignal): AdviceReason {
  if (signal.input === 'bits') return 'not-data-bits';
  if (signal.seconds === 0) return 'no-samples';
  if (signal.seconds < LEAST_SECONDS) return 'too-short';
  const reason = signal.input === 'iq' ? reasonOfIq(signal) : reasonOfMpx(signal);
  return reason === 'no-groups' && signal.seconds < ENOUGH_SECONDS ? 'too-short' : reason;
}

function reasonOfIq({ carrier, streams, format }: MeasuredSignal): AdviceReason {
  const { levelDbfs, cnDb, frequencyOffsetHz, pilotDeviationHz, clippedShare } = numbersOf(carrier);
  const { subcarrierHz, isFollowed } = subcarrierOf(streams);
  if (subcarrierHz < STILL_HZ) return 'nothing-modulated';
  if (levelDbfs > BEYOND_DBFS) return 'beyond-range';
  if (clippedShare > CLIPPED_SHARE || (format !== 'cf32' && levelDbfs > OVERLOADED_DBFS)) return 'overloaded';
  if (Math.abs(frequencyOffsetHz) > MISTUNED_HZ) return 'mistuned';
  const isFaint = levelDbfs < LOW_DBFS && (format === 'cu8' || format === 'cs8');
  if (isFaint && subcarrierHz > WEAK_HZ) return 'level-too-low';
  if (subcarrierHz > NOISE_HZ) return levelDbfs > STRONG_DBFS ? 'not-fm' : 'only-noise';
  if (cnDb === null ? subcarrierHz > WEAK_HZ : cnDb < WEAK_CN_DB) return 'weak';
  if (pilotDeviationHz < LEAST_PILOT_HZ) return isFollowed ? 'no-groups' : 'no-pilot';
  return isFollowed && subcarrierHz > LEAST_OF_PILOT * pilotDeviationHz ? 'no-groups' : 'no-rds';
}

function reasonOfMpx({ carrier, streams }: MeasuredSignal): AdviceReason {
  const { pilotDeviationHz, clippedShare } = numbersOf(carrier);
  const { subcarrierHz, isFollowed } = subcarrierOf(streams);
  if (pilotDeviationHz < STILL_HZ && subcarrierHz < STILL_HZ) return 'nothing-modulated';
  if (clippedShare > CLIPPED_SHARE) return 'overloaded';
  if (!isFollowed && subcarrierHz > NOISE_OF_PILOT * pilotDeviationHz) return 'only-noise';
  if (pilotDeviationHz < LEAST_PILOT_HZ) return 'no-pilot';
  return subcarrierHz < LEAST_OF_PILOT * pilotDeviationHz ? 'no-rds' : 'no-groups';
}

function subcarrierOf(streams: MeasuredSignal['streams']): { subcarrierHz: number; isFollowed: boolean } {
  const main = streams.at(0);
  return { subcarrierHz: main?.deviationHz ?? 0, isFollowed: main?.tracking ?? false };
}

function numbersOf(carrier: MeasuredSignal['carrier']): {
  levelDbfs: number;
  cnDb: number | null;
  frequencyOffsetHz: number;
  pilotDeviationHz: number;
  clippedShare: number;
} {
  return {
    levelDbfs: carrier.levelDbfs ?? 0,
    cnDb: carrier.cnDb,
    frequencyOffsetHz: carrier.frequencyOffsetHz ?? 0,
    pilotDeviationHz: carrier.pilotDeviationHz ?? 0,
    clippedShare: carrier.clippedShare ?? 0,
  };
}

function sentenceOf(reason: AdviceReason, signal: MeasuredSignal): string {
  const { levelDbfs, cnDb, frequencyOffsetHz, pilotDeviationHz, clippedShare } = numbersOf(signal.carrier);
  const level = `${levelDbfs.toFixed(1)} dBFS`;
  const rate = `the sample rate (${signal.rateHz} Hz was assumed)`;
  const format = `the sample format (${signal.format ?? 'signed 16 bit mono'} was assumed)`;
  const isIq = signal.input === 'iq';
  switch (reason) {
    case 'no-samples':
      return 'No samples came: check the source, or the file.';
    case 'too-short':
      return `Only ${signal.seconds.toFixed(2)} s of signal came, and finding the first group takes about a second: give more.`;
    case 'not-data-bits':
      return 'No group was found in the bits: they have to be data bits, after differential decoding, as the characters 0 and 1.';
    case 'nothing-modulated':
      return isIq
        ? `The samples (${level}) carry no modulation at all: check the dongle and its cable, or whether the file holds anything.`
        : 'The multiplex is silent: check the source and its cable, or whether the file holds anything.';
    case 'beyond-range':
      return `The values are far beyond full scale (${level}): check ${format}.`;
    case 'overloaded':
      return `The signal fills the whole range (${isIq ? `${level}, ` : ''}${(100 * clippedShare).toFixed(1)} % of the values at its ends): lower the ${isIq ? 'gain' : 'level'}; if that changes nothing, check ${format}.`;
    case 'mistuned':
      return `The strongest station is about ${Math.round(Math.abs(frequencyOffsetHz) / 1000)} kHz ${frequencyOffsetHz > 0 ? 'above' : 'below'} the tuned frequency: tune to it.`;
    case 'not-fm':
      return `There is a strong signal (${level}) that is no FM station: check ${format} and ${rate}; of a dongle, lower the gain and look at the antenna.`;
    case 'level-too-low':
      return `The level (${level}) is too low for the sample format: raise the gain, look at antenna and cable.`;
    case 'only-noise':
      return isIq
        ? `There is only noise (${level}) on this frequency: check frequency and antenna, and whether the station is on air.`
        : `There is only noise at the pilot and the subcarriers: check ${rate}, and whether this is a multiplex signal (signed 16 bit mono was assumed).`;
    case 'weak':
      return `There is a station, but too weak for RDS${cnDb === null ? '' : ` (C/N ${cnDb.toFixed(1)} dB, it takes about ${WEAK_CN_DB})`}: a better place for the antenna comes before more gain.`;
    case 'no-rds':
      return `There is a pilot (${kHz(pilotDeviationHz)}) but no RDS on 57 kHz: the station sends none, or ${rate} is not right${isIq ? '' : ', or what made the recording ends below 57 kHz'}.`;
    case 'no-pilot':
      return isIq
        ? `There is a carrier (${level}) without pilot and without RDS: a mono station that sends none, or ${rate} is not right.`
        : `There is no pilot on 19 kHz and no RDS: this is sound and not a multiplex signal, or ${rate} or ${format} is not right.`;
    case 'no-groups':
      return `Something on 57 kHz was followed that gives no groups: check ${rate}; the station may send other data there.`;
  }
  return reason satisfies never;
}

function kHz(hz: number): string {
  return `${(hz / 1000).toFixed(2)} kHz`;
}
