/**
 * Which group goes into which slot of stream 0. The data share is kept exactly: after any number of slots, our groups differ
 * from `share` times the slots by less than one. Announcements (3A) are ours; 0A, 2A and 4A are the programme's.
 */

import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { GatewayError, EXIT } from './fault.ts';

export interface RotaRates {
  /** 0A groups a second. Four make a PS; the standard asks for each segment twice in that time at most, in practice 2 to 4. */
  readonly psPerSecond: number;
  /** 2A groups a second; 0 = no RadioText. */
  readonly radioTextPerSecond: number;
  /** 3A groups a second, out of the data share. */
  readonly announcementsPerSecond: number;
  /** 4A once a minute, in the first slot of the minute that the share leaves free. */
  readonly clockTime: boolean;
}

export interface RotaOptions {
  /** Fraction of the slots that are ours, 0..1. */
  readonly share: number;
  readonly rates: RotaRates;
  /** What this one takes over from: which minute was told last, so that no minute is told twice or never. */
  readonly after?: Rota;
}

export type RotaSlot = 'data' | '0A' | '2A' | '3A' | '4A';

export const DEFAULT_RATES: RotaRates = {
  psPerSecond: 2,
  radioTextPerSecond: 0.5,
  announcementsPerSecond: 0.5,
  clockTime: true,
};

export function ratesOf({ radioText }: { readonly radioText: string }): RotaRates {
  return radioText === '' ? { ...DEFAULT_RATES, radioTextPerSecond: 0 } : DEFAULT_RATES;
}

/** The standard's least rate for 0A (EN 50067:1998 table 4: four a second for a full PS a second; two are accepted in use). */
const PS_PER_SECOND_MIN = 2;
const MINUTE_MS = 60_000;

/** The largest data share that leaves room for the programme. */
export function largestShare(rates: RotaRates): number {
  const perSecond = rates.psPerSecond + rates.radioTextPerSecond + (rates.clockTime ? 1000 / MINUTE_MS : 0);
  return Math.max(0, 1 - perSecond / GROUPS_PER_SECOND);
}

export class Rota {
  readonly #share: number;
  readonly #rates: RotaRates;
  #slots = 0;
  #ours = 0;
  #announcements = 0;
  readonly #programme = { '0A': 0, '2A': 0 };
  #minute: number | undefined;
  #clockDue = false;

  constructor({ share, rates, after }: RotaOptions) {
    if (!(rates.psPerSecond >= PS_PER_SECOND_MIN) || rates.radioTextPerSecond < 0 || rates.announcementsPerSecond < 0) {
      throw new GatewayError(
        'ROTA_RATES',
        `A station sends at least ${PS_PER_SECOND_MIN} groups 0A a second and no rate is negative. Nothing was sent.`,
        EXIT.usage,
      );
    }
    const largest = largestShare(rates);
    if (!(share >= 0) || share > largest) {
      throw new GatewayError(
        'ROTA_SHARE',
        `A data share of ${share} leaves no room for the programme at these rates: ${floor3(largest)} is the largest that fits. Nothing was sent; lower the share or the rates.`,
        EXIT.usage,
      );
    }
    const smallest = rates.announcementsPerSecond / GROUPS_PER_SECOND;
    if (share > 0 && share <= smallest) {
      throw new GatewayError(
        'ROTA_SHARE',
        `A data share of ${share} has room for announcements only: it must be more than ${floor3(smallest) + 0.001}. Nothing was sent.`,
        EXIT.usage,
      );
    }
    this.#share = share;
    this.#rates = rates;
    if (after === undefined) return;
    this.#minute = after.#minute;
    this.#clockDue = after.#clockDue;
  }

  /** What the next slot carries; `timeMs` (since 1970) is when its group will have been sent. Every call is one slot. */
  next(timeMs: number): RotaSlot {
    const { clockTime } = this.#rates;
    const minute = Math.floor(timeMs / MINUTE_MS);
    if (clockTime && this.#minute !== undefined && minute !== this.#minute) this.#clockDue = true;
    this.#minute = minute;
    this.#slots++;
    const surplus = this.#ours - this.#share * this.#slots;
    // The clock may go before one of ours as long as the error stays below one slot.
    const clockNow = this.#clockDue && surplus > -0.999;
    if (this.#share > 0 && surplus <= -0.5 && !clockNow) return this.#nextOfOurs();
    if (this.#clockDue) {
      this.#clockDue = false;
      return '4A';
    }
    return this.#nextOfProgramme();
  }

  #nextOfOurs(): RotaSlot {
    this.#ours++;
    const due = (this.#slots / GROUPS_PER_SECOND) * this.#rates.announcementsPerSecond;
    // The first slot announces, so that a receiver need not wait.
    if (this.#announcements > due) return 'data';
    if (this.#rates.announcementsPerSecond === 0) return 'data';
    this.#announcements++;
    return '3A';
  }

  /** The one that is furthest behind its promise; what is left over is shared in proportion. */
  #nextOfProgramme(): RotaSlot {
    const { psPerSecond, radioTextPerSecond } = this.#rates;
    const text =
      radioTextPerSecond > 0 &&
      (this.#programme['2A'] + 1) * psPerSecond <= (this.#programme['0A'] + 1) * radioTextPerSecond;
    const slot = text ? '2A' : '0A';
    this.#programme[slot]++;
    return slot;
  }
}

function floor3(x: number): number {
  return Math.floor(x * 1000) / 1000;
}
