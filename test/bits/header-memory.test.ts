import { describe, expect, it } from 'vitest';
import { HeaderMemory } from '#codec/bits/header-memory.ts';

const PI = 0xd3c2;

describe('the memory of headers', () => {
  it('believes a PI that came twice, and more the longer it comes', () => {
    const memory = new HeaderMemory(0);
    expect(memory.known(0)).toBeNull();
    memory.learn(0, PI, 1);
    expect(memory.known(0)).toBeNull();
    memory.learn(0, PI, 1);
    const first = memory.known(0);
    expect(first).toMatchObject({ mask: 0xffff, value: PI });
    const before = first?.probability ?? 0;
    for (let k = 0; k < 100; k++) memory.learn(0, PI, 1);
    expect(memory.known(0)?.probability).toBeGreaterThan(before);
    expect(memory.known(0)?.probability).toBeLessThan(1);
  });

  it('learns nothing from blocks in doubt', () => {
    const memory = new HeaderMemory(0);
    for (let k = 0; k < 9; k++) memory.learn(0, PI, 0.99);
    expect(memory.known(0)).toBeNull();
  });

  it('follows another station', () => {
    const memory = new HeaderMemory(0);
    for (let k = 0; k < 50; k++) memory.learn(0, PI, 1);
    for (let k = 0; k < 40; k++) memory.learn(0, 0x1234, 1);
    expect(memory.known(0)?.value).toBe(0x1234);
  });

  it('knows TP, PTY and the mix of group types from block 2', () => {
    const memory = new HeaderMemory(0);
    for (let k = 0; k < 200; k++) memory.learn(1, (k % 2 === 0 ? 0x0000 : 0xb000) | 0x0540 | (k & 31), 1);
    const known = memory.known(1);
    expect(known).toMatchObject({ mask: 0x07e0, value: 0x0540 });
    const shares = known?.typeShares ?? new Float64Array(32);
    expect(shares.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 9);
    expect(shares[0]).toBeGreaterThan(0.3);
    expect(shares[0b10110]).toBeGreaterThan(0.3);
    expect(shares[4]).toBeGreaterThan(0);
  });

  it('lets go of what is different in every group', () => {
    const memory = new HeaderMemory(0);
    for (let k = 0; k < 400; k++) memory.learn(1, (k * 2_654_435_761) >>> 16, 1);
    expect(memory.known(1)?.probability ?? 0).toBeLessThan(0.85);
  });

  it('knows the function of type C groups, and no PI there', () => {
    const memory = new HeaderMemory(2);
    for (let k = 0; k < 50; k++) memory.learn(0, 0x5000 | (k & 255), 1);
    expect(memory.known(0)).toMatchObject({ mask: 0xff00, value: 0x5000 });
    for (let block = 1; block < 4; block++) expect(memory.known(block)).toBeNull();
  });
});
