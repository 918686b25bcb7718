/**
 * Why a package is not installed: one closed list for everything from the first byte to the boot loader. Refusals are
 * counted, shown and logged under these names, because someone will ask why a device did not update.
 */

/** In the order in which they are looked for. Each sentence continues "Refused: ...". */
const REFUSALS = {
  'not-a-package': 'these bytes are not a sealed package',
  'unsupported-algorithm': 'it is signed with an algorithm that this device does not accept',
  'unknown-key': 'it is signed with a key that this device does not trust',
  'bad-signature': 'the signature does not belong to this package: it was changed or forged',
  'too-few-signatures': 'fewer keys that this device trusts have signed it than it wants',
  'bad-manifest': 'the signed manifest cannot be understood by this version',
  'wrong-size': 'there are fewer or more bytes than the manifest says',
  'payload-damaged': 'a payload is not the one that was signed',
  'wrong-vendor': 'it is for the devices of another vendor',
  'wrong-device-type': 'it is for another device type',
  'wrong-hardware-revision': 'it is not for this hardware revision',
  'unsupported-kind': 'this device cannot install this kind of update',
  'same-sequence': 'another update with this sequence is already installed',
  'older-sequence': 'it is older than what this device has had already',
  'installed-too-old': 'the installed version is too old for it; an intermediate version is needed first',
  expired: 'it had expired by the latest signed time that this device knows',
  'failed-before': 'this version was tried before and did not prove itself; only a higher sequence is tried again',
  'no-usable-payload': 'it has no payload for a target that this device has',
  'base-mismatch': 'its deltas start from other content than what is running, and it carries no full payload',
  'too-large': 'what it installs does not fit into the slot',
  'content-mismatch': 'what the payload unpacks to is not the content that was signed',
} as const;

export type RefusalReason = keyof typeof REFUSALS;

export const REFUSAL_REASONS = Object.keys(REFUSALS) as readonly RefusalReason[];

export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** What exactly was found, for people. */
  readonly detail: string;
}

export function refused(reason: RefusalReason, detail: string): Refused {
  return { kind: 'refused', reason, detail };
}

/** A sentence for people: what failed and why. */
export function explainRefusal({ reason, detail }: { reason: RefusalReason; detail: string }): string {
  const sentence = `Refused: ${REFUSALS[reason]}`;
  return detail === '' ? `${sentence}.` : `${sentence} (${detail}).`;
}
