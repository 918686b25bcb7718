/**
 * When the simulated air fades: by a written schedule, and by chance. Times are seconds of the station's signal.
 *
 * The random process alternates between heard and lost; both lengths are exponential, so that `lossShare` of the time is
 * lost in fades of `lossGroups` group periods on average. More than `lossShare` of the *groups* is hit, because a fade
 * also spoils the groups in which it begins and ends: about lossShare x (1 + 1 / lossGroups).
 */

import { uniformSource } from './noise.ts';

/** One group: 104 bits at 1187.5 bit/s (IEC 62106-2). */
export const GROUP_SECONDS = 104 / 1187.5;

export interface ScheduledFade {
  readonly atSeconds: number;
  readonly durationSeconds: number;
  /** Attenuation of the station; omit it for silence. */
  readonly depthDb?: number;
}

export interface FadeOptions {
  readonly schedule?: readonly ScheduledFade[];
  /** Share of the time that is lost, 0 to below 1. */
  readonly lossShare?: number;
  /** Mean length of a loss in group periods. */
  readonly lossGroups?: number;
  /** Attenuation while lost; omit it for silence. */
  readonly lossDepthDb?: number;
  readonly seed: number;
}

/** The station's amplitude, 0 to 1, holding up to `untilSeconds`. */
export interface FadeStretch {
  readonly amplitude: number;
  readonly untilSeconds: number;
}

export class Fades {
  #schedule: readonly ScheduledFade[];
  #random: () => number;
  #meanLostSeconds: number;
  #meanHeardSeconds: number;
  #lossAmplitude: number;
  #lost = false;
  /** The random process is in its present state up to here. */
  #stateEndSeconds: number;

  constructor(options: FadeOptions) {
    const share = options.lossShare ?? 0;
    const groups = options.lossGroups ?? 4;
    if (!(share >= 0 && share < 1)) throw new RangeError(`The share of time lost is 0 to below 1, not ${share}.`);
    if (!(groups > 0)) throw new RangeError(`The mean length of a loss is above 0 groups, not ${groups}.`);
    this.#schedule = [...(options.schedule ?? [])].sort((a, b) => a.atSeconds - b.atSeconds);
    this.#random = uniformSource(options.seed);
    this.#meanLostSeconds = groups * GROUP_SECONDS;
    this.#meanHeardSeconds = (this.#meanLostSeconds * (1 - share)) / share;
    this.#lossAmplitude = amplitudeOf(options.lossDepthDb);
    this.#stateEndSeconds = share === 0 ? Number.POSITIVE_INFINITY : this.#draw(this.#meanHeardSeconds);
  }

  /** What holds at `seconds`, which never goes back. */
  at(seconds: number): FadeStretch {
    while (seconds >= this.#stateEndSeconds) {
      this.#lost = !this.#lost;
      this.#stateEndSeconds += this.#draw(this.#lost ? this.#meanLostSeconds : this.#meanHeardSeconds);
    }
    let amplitude = this.#lost ? this.#lossAmplitude : 1;
    let untilSeconds = this.#stateEndSeconds;
    for (const fade of this.#schedule) {
      const endSeconds = fade.atSeconds + fade.durationSeconds;
      if (endSeconds <= seconds) continue;
      if (fade.atSeconds > seconds) {
        untilSeconds = Math.min(untilSeconds, fade.atSeconds);
        break;
      }
      amplitude *= amplitudeOf(fade.depthDb);
      untilSeconds = Math.min(untilSeconds, endSeconds);
    }
    return { amplitude, untilSeconds };
  }

  #draw(meanSeconds: number): number {
    return -Math.log(this.#random()) * meanSeconds;
  }
}

function amplitudeOf(depthDb: number | undefined): number {
  return depthDb === undefined ? 0 : 10 ** (-depthDb / 20);
}
