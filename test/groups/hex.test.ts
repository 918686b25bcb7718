import { assert, constant, constantFrom, integer, oneof, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamNumber } from '#codec/groups/group.ts';
import { formatHexGroup, MAX_LINE_LENGTH, parseHexLine } from '#codec/groups/hex.ts';

/** Characters that mean something, more likely to get far than any. */
const HOSTILE = Array.from('0123456789ABCDEF -#S%@\t');

function blocksOf(line: string): readonly number[] | string {
  const parsed = parseHexLine(line);
  return parsed.kind === 'group' ? parsed.group.blocks : parsed.kind === 'fault' ? parsed.reason : 'nothing';
}

describe('hex lines of other programs', () => {
  it('reads what redsea writes, with and without a time', () => {
    expect(blocksOf('54A8 0408 2065 5354')).toEqual([0x54a8, 0x0408, 0x2065, 0x5354]);
    expect(blocksOf('54A8 0408 2065 5354 2026-11-23T20:15:02.52+00:00')).toEqual([0x54a8, 0x0408, 0x2065, 0x5354]);
    expect(blocksOf('54A8 ---- 2065 5354\r')).toEqual([0x54a8, -1, 0x2065, 0x5354]);
    expect(blocksOf('#S2 8000 FF7F 1000 0000')).toEqual([0x8000, 0xff7f, 0x1000, 0]);
  });

  it('reads what RDS Spy writes and passes over its remarks', () => {
    expect(blocksOf('  3ab7  0408  e0cd  5354   @2026/11/23 20:15:02.52')).toEqual([0x3ab7, 0x0408, 0xe0cd, 0x5354]);
    expect(blocksOf('3AB70408E0CD5354')).toEqual([0x3ab7, 0x0408, 0xe0cd, 0x5354]);
    for (const line of ['', '   ', '\r', '%spectrum', '@2026/11/23', '<recorder="RDS Spy">']) {
      expect(blocksOf(line)).toBe('nothing');
    }
  });

  it.each([
    ['xyz', 'block 1'],
    ['3AB7', 'block 2'],
    ['3AB7 0408 E0CD', 'block 4'],
    ['3AB7 0408 E0CD 535', 'block 4'],
    ['3AB7 0408 E0CD 53545', 'block 4'],
    ['3AB7 -40- E0CD 5354', 'block 2'],
    ['#S4 3AB7 0408 E0CD 5354', 'stream prefix'],
    ['#S1', 'stream prefix'],
    ['#', 'stream prefix'],
    ['A'.repeat(MAX_LINE_LENGTH + 1), 'line too long'],
  ])('refuses %j because of %s', (line, reason) => {
    expect(blocksOf(line)).toBe(reason);
  });
});

describe('hex lines', () => {
  it('come back as they were written (any group)', () => {
    const word = oneof(integer({ min: 0, max: 0xffff }), constant(-1));
    assert(
      property(constantFrom<StreamNumber>(0, 1, 2, 3), tuple(word, word, word, word), (stream, blocks) => {
        const line = formatHexGroup({ stream, blocks });
        expect(parseHexLine(line)).toEqual({
          kind: 'group',
          group: { stream, blocks, slot: -1, clockRestarted: false },
        });
      }),
    );
  });

  it('never throw, whatever the line', () => {
    assert(
      property(oneof(string(), string({ unit: constantFrom(...HOSTILE) })), (line) => {
        expect(['group', 'nothing', 'fault']).toContain(parseHexLine(line).kind);
      }),
    );
  });

  it('are a fault wherever they are cut', () => {
    const line = '#S3 4023 0102 0304 0506';
    for (let length = 1; length < line.length; length++) expect(parseHexLine(line.slice(0, length)).kind).toBe('fault');
  });
});
