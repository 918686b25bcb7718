/** What happens to a station's IQ on its way and in a tuner, for the table of impairments. In place, seeded, chunk by chunk. */

import { randomWords } from '../mpx/signals.ts';

/** Takes chunks [I, Q, I, Q, ...] in order. */
export type Impairment = (iq: Float32Array) => void;

/** A second ray: delayed, weaker, its phase turning slowly as somebody walks past. */
export function secondRay(rateHz: number, delaySeconds: number, levelDb: number, turnsPerSecond: number): Impairment {
  const delay = Math.max(1, Math.round(delaySeconds * rateHz));
  const past = new Float32Array(2 * delay);
  const amplitude = 10 ** (levelDb / 20);
  let at = 0;
  let sample = 0;
  return (iq) => {
    for (let k = 0; k < iq.length; k += 2) {
      const angle = 1 + (2 * Math.PI * turnsPerSecond * sample++) / rateHz;
      const re = past[at];
      const im = past[at + 1];
      past[at] = iq[k];
      past[at + 1] = iq[k + 1];
      at = (at + 2) % past.length;
      iq[k] += amplitude * (re * Math.cos(angle) - im * Math.sin(angle));
      iq[k + 1] += amplitude * (re * Math.sin(angle) + im * Math.cos(angle));
    }
  };
}

/** Sparks: so many a second at random times, each this strong (relative to the carrier) for this long. */
export function sparks(rateHz: number, perSecond: number, levelDb: number, seconds: number, seed: number): Impairment {
  const words = randomWords(seed);
  const length = Math.max(1, Math.round(seconds * rateHz));
  const amplitude = 10 ** (levelDb / 20);
  const limit = (perSecond / rateHz) * 2 ** 32;
  let left = 0;
  return (iq) => {
    for (let k = 0; k < iq.length; k += 2) {
      if (words() < limit) left = length;
      if (left === 0) continue;
      left--;
      const angle = (2 * Math.PI * words()) / 2 ** 32;
      iq[k] += amplitude * Math.cos(angle);
      iq[k + 1] += amplitude * Math.sin(angle);
    }
  };
}

/** Another gain every `seconds`. */
export function gainJumps(rateHz: number, seconds: number, gainsDb: readonly number[]): Impairment {
  let sample = 0;
  return (iq) => {
    for (let k = 0; k < iq.length; k += 2) {
      const gain = 10 ** (gainsDb[Math.floor(sample++ / (seconds * rateHz)) % gainsDb.length] / 20);
      iq[k] *= gain;
      iq[k + 1] *= gain;
    }
  };
}

/** Leakage of the oscillator, and I and Q of unequal gain and not at right angles. */
export function imbalance(offset: number, gainDb: number, skewDegrees: number): Impairment {
  const gain = 10 ** (gainDb / 20);
  const skew = (skewDegrees * Math.PI) / 180;
  return (iq) => {
    for (let k = 0; k < iq.length; k += 2) {
      iq[k + 1] = gain * (Math.cos(skew) * iq[k + 1] + Math.sin(skew) * iq[k]) - offset;
      iq[k] += offset;
    }
  };
}

/** A tuning error. */
export function detune(rateHz: number, hz: number): Impairment {
  let turn = 0;
  return (iq) => {
    for (let k = 0; k < iq.length; k += 2) {
      const re = iq[k];
      const im = iq[k + 1];
      iq[k] = re * Math.cos(turn) - im * Math.sin(turn);
      iq[k + 1] = re * Math.sin(turn) + im * Math.cos(turn);
      turn = (turn + (2 * Math.PI * hz) / rateHz) % (2 * Math.PI);
    }
  };
}

export function scale(factor: number): Impairment {
  return (iq) => {
    for (let k = 0; k < iq.length; k++) iq[k] *= factor;
  };
}
