import { describe, expect, it } from 'vitest';
import type { Blocks, ReceivedGroup } from '#codec/groups/group.ts';
import { Reception } from '#codec/groups/reception.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import { describeWrong, wrongCounts } from '../../receiver/wrong-groups.ts';
import { received, Seeded, Station } from '../groups/station.ts';

const SEED = 4;
const NOTHING = { groups: 0, symbols: 0, symbolsOfSpells: 0, symbolsForgotten: 0, mismatches: 0, directories: 0 };

/** Pushes groups of a station until `name` is there or the slots are over, through a channel. */
function hear(
  reception: Reception,
  station: Station,
  slots: number,
  channel: (group: ReceivedGroup) => ReceivedGroup = (group) => group,
): string[] {
  const arrived: string[] = [];
  for (let i = 0; i < slots && arrived.length === 0; i++) {
    const { slot, carried } = station.next();
    for (const { group } of carried)
      for (const event of reception.push(channel(received(group, slot))))
        if (event.kind === 'object') arrived.push(event.identity.toHex());
  }
  return arrived;
}

describe('what was wrong', () => {
  it('is nothing when nothing was', () => {
    const station = new Station([1]);
    const bytes = new Seeded(SEED).bytes(2500);
    station.offer([bytes]);
    const reception = new Reception();
    reception.push(station.announcement());
    expect(hear(reception, station, 2000)).toEqual([identityOf(bytes).toHex()]);
    expect(wrongCounts(reception.status())).toEqual(NOTHING);
    expect(describeWrong(NOTHING)).toBeUndefined();
  });

  it('is counted group by group, and the object arrives', () => {
    const random = new Seeded(SEED);
    const station = new Station([1]);
    const bytes = random.bytes(2500);
    station.offer([bytes]);
    const reception = new Reception();
    reception.push(station.announcement());
    hear(reception, station, 200);
    let lies = 0;
    const arrived = hear(reception, station, 3000, (group) => {
      if (lies === 12 || group.blocks[0] >> 14 !== 1 || random.next() < 0.9) return group;
      lies++;
      const [a, b, c, d] = group.blocks;
      return { ...group, blocks: [a, b ^ 0x1234, c ^ 0x4321, d ^ (1 + lies)] satisfies Blocks };
    });
    expect(arrived).toEqual([identityOf(bytes).toHex()]);
    const wrong = wrongCounts(reception.status());
    // Some of the twelve were anchors, or the directory's.
    expect(wrong.symbols).toBeGreaterThanOrEqual(8);
    expect(wrong.symbols).toBeLessThanOrEqual(13);
    expect(describeWrong(wrong)).toMatch(/^\d+ symbols found and left out.*nothing of this is installed$/);
  });

  it('is said of a whole false directory, and the object of the real one arrives', () => {
    const random = new Seeded(SEED);
    const [real, liar] = [new Station([1], 4096), new Station([1], 4096)];
    const bytes = random.bytes(4000);
    real.offer([bytes]);
    liar.offer([random.bytes(9000), random.bytes(9000)]);
    const reception = new Reception();
    reception.push(real.announcement());
    for (let i = 0; i < 300; i++) real.next();
    // The other transmitter takes over, with the same PI, counters and directory version.
    hear(reception, liar, 300);
    expect(hear(reception, real, 6000)).toEqual([identityOf(bytes).toHex()]);
    const wrong = wrongCounts(reception.status());
    expect(wrong.directories).toBeGreaterThanOrEqual(1);
    expect(describeWrong(wrong)).toMatch(/\d director(y|ies) not believed/);
  });

  it('names everything that there is', () => {
    const text = describeWrong({
      groups: 1,
      symbols: 34,
      symbolsOfSpells: 720,
      symbolsForgotten: 5,
      mismatches: 2,
      directories: 1,
    });
    expect(text).toBe(
      '1 group that cannot be where it was heard; 34 symbols found and left out; 720 symbols of a time in which many were wrong left out; ' +
        '5 symbols given up among too many wrong ones; 1 directory not believed; 2 times all there and not the object named. ' +
        'What is right is kept, and nothing of this is installed',
    );
  });
});
