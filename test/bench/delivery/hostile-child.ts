/** Attacks a receiver in a process of its own: name of the attack, slots, seed. One line of JSON for each ordeal. */

import { openPackage } from '#codec/package/seal.ts';
import { ATTACKS, undergo } from '../../groups/hostile.ts';
import { makeSealedPackage } from '../../end-to-end/sealed.ts';
import { signerFromSeed } from '../../package/example.ts';

const SIZE_BYTES = 2500;
/** So much air, the attack may go on that long without a pause. */
const SLOTS_AT_ONCE = 500_000;
const AFTER_SLOTS = 20_000;

const [name = '', slotsText = '0', seedText = '1'] = process.argv.slice(2);
const seed = Number(seedText);
const attack = ATTACKS[name];
if (attack === undefined) throw new Error(`no attack is called ${name}`);
const sealed = await makeSealedPackage(SIZE_BYTES, seed);
const trusted = [signerFromSeed(1).publicKey];

let groups = 0;
let thrown = 0;
let acceptedFalse = 0;
let ordeals = 0;
let arrived = 0;
let grownMb = 0;
let slowestMs = 0;
const begin = performance.now();
for (let left = Number(slotsText); left > 0; left -= SLOTS_AT_ONCE) {
  ordeals++;
  try {
    const survived = undergo({
      attack,
      seed: seed + ordeals,
      bytes: sealed,
      slots: Math.min(left, SLOTS_AT_ONCE),
      after: AFTER_SLOTS,
      lookEvery: 50_000,
      onObject(bytes) {
        const isSealed = openPackage(bytes, trusted).kind === 'opened';
        if (isSealed && Buffer.compare(bytes, sealed) !== 0) acceptedFalse++;
      },
    });
    groups += survived.attackGroups;
    if (survived.slotsAfter !== undefined) arrived++;
    grownMb = Math.max(grownMb, survived.grownMb);
    slowestMs = Math.max(slowestMs, survived.slowestMs);
  } catch (error) {
    thrown++;
    process.stderr.write(`${name}: ${String(error)}\n`);
  }
}
const seconds = (performance.now() - begin) / 1000;
process.stdout.write(
  `${JSON.stringify({ name, groups, thrown, acceptedFalse, ordeals, arrived, grownMb, slowestMs, seconds })}\n`,
);
