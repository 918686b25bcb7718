/**
 * Which version replaces which. Devices refuse what is older than what they have had, so an older job is over as soon as a newer
 * one for the same target of the same device type is held (verified and on disk), and not before. The same sequence (several
 * packages of one update) and other targets (an app beside the system) live side by side. A paused job replaces nothing yet.
 */

import { isHeld, type KnownJob } from './jobs.ts';

function isNewer(newer: KnownJob, older: KnownJob): boolean {
  return (
    newer.job.vendor === older.job.vendor &&
    newer.job.deviceType === older.job.deviceType &&
    newer.job.target === older.job.target &&
    newer.job.sequence > older.job.sequence
  );
}

/** The newest job by which this one is replaced. */
export function supersederOf(known: KnownJob, all: readonly KnownJob[]): KnownJob | undefined {
  return all
    .filter((other) => isHeld(other) && !other.job.paused && isNewer(other, known))
    .toSorted((a, b) => b.job.sequence - a.job.sequence)[0];
}

/** A newer one is still to be fetched, so that this one need not be. */
export function hasNewerWanted(known: KnownJob, all: readonly KnownJob[]): boolean {
  return all.some((other) => other.state === 'wanted' && !other.job.paused && isNewer(other, known));
}
