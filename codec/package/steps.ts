/**
 * From a base to the content, over the bases in between: a package for devices with several versions may have a delta from the oldest
 * to the next one instead of a second one to the content.
 *
 *     oldest base ── payload 1, leads to payload 0 ──> base ── payload 0 ──> content
 */

import { MisuseError } from '../misuse.ts';
import type { Payload } from './manifest.ts';

export interface Step {
  /** Of the package. */
  readonly index: number;
  /** Described by itself: what it is said to install is what it makes, that is, what the next step starts from, or the content. */
  readonly payload: Payload;
}

export type Steps = readonly [Step, ...Step[]];

/** All that has to be unpacked, from this payload on, in their order. Of a manifest that was parsed: its chains end. */
export function stepsFrom(payloads: readonly Payload[], index: number): Steps {
  const payload = payloads[index];
  if (payload === undefined) throw new MisuseError('PAYLOAD_INDEX', `The package has no payload ${index}.`);
  const { leadsTo, ...described } = payload;
  if (leadsTo === undefined) return [{ index, payload }];
  const base = payloads[leadsTo]?.base;
  if (base === undefined || leadsTo >= index)
    throw new MisuseError('PAYLOAD_INDEX', `Payload ${index} does not lead to an earlier delta.`);
  const makes = { sizeInstalledBytes: base.sizeBytes, sha256Installed: base.sha256 };
  return [{ index, payload: { ...described, ...makes } }, ...stepsFrom(payloads, leadsTo)];
}

/** Of a delta to the base of `payloads[index]`: what a manifest says of it. */
export function leadingTo(payloads: readonly Payload[], index: number, payload: Payload): Payload {
  const { sizeInstalledBytes, sha256Installed } = payloads[index];
  return { ...payload, sizeInstalledBytes, sha256Installed, leadsTo: index };
}
