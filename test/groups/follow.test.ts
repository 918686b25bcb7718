import { describe, expect, it } from 'vitest';
import { makeAnchorA } from '#codec/groups/anchor.ts';
import { CounterFollower, type Stretch } from '#codec/groups/follow.ts';

/** Groups of stream 0 whose words say their true counter. */
function groupsOf(follower: CounterFollower): {
  placed: Stretch[];
  push: (from: number, to: number, slot: number, restarted?: boolean) => void;
} {
  const placed: Stretch[] = [];
  let heardAt = 0;
  return {
    placed,
    push(from, to, slot, restarted = false) {
      for (let c = from; c < to; c++) {
        const words = c % 64 === 0 ? makeAnchorA(0, c, 1, 4) : [c >> 16, c & 0xffff];
        const group = { stream: 0, place: c & 15, check: 0, words, slot: slot + c - from } as const;
        placed.push(...follower.push({ ...group, clockRestarted: restarted && c === from }, ++heardAt));
      }
    },
  };
}

const wrong = (placed: readonly Stretch[]): number =>
  placed
    .flatMap(({ groups }) => groups)
    .filter(({ counter, group: { words } }) => counter % 64 !== 0 && words[1] !== (counter & 0xffff)).length;

describe('the counter of a stream', () => {
  it('gives no group a wrong place when reception breaks off right after the end of an input, twice', () => {
    const follower = new CounterFollower(0, 4096);
    const { placed, push } = groupsOf(follower);
    push(0, 200, 0);
    placed.push(...follower.flush());
    push(5009, 5020, 1000, true);
    push(9030, 9100, 2000, true);
    push(9100, 9200, 2070);
    expect(wrong(placed)).toBe(0);
    expect(placed.flatMap(({ groups }) => groups).length).toBeGreaterThan(300);
  });
});
