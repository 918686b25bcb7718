import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../gateway/config.ts';
import { STATION } from './station.ts';

const LEAST = { stateDir: 'state', station: STATION, output: { kind: 'air', port: 0 } };

function messageOf(value: unknown): string {
  try {
    parseConfig(value, '/etc/carillon');
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return '';
}

describe('the configuration', () => {
  it('needs a state directory, a station and an output; the rest has defaults', () => {
    const config = parseConfig(LEAST, '/etc/carillon');
    expect(config).toMatchObject({
      stateDir: '/etc/carillon/state',
      link: undefined,
      dataShare: 0.25,
      rateHz: 250_000,
      station: {
        pi: 0xd318,
        groupTypeCode: 22,
        channel: 16,
        streams: [0],
        rdsDeviationHz: 2000,
        assumedLoss: 0.1,
        receiverMemoryBytes: undefined,
      },
    });
    expect(config.outputs).toMatchObject([{ kind: 'air', speed: 1, cnDb: Number.POSITIVE_INFINITY, seed: 1 }]);
  });

  it('takes several outputs of one rate', () => {
    const output = [
      { kind: 'air', port: 7000 },
      { kind: 'iq-file', path: 'a_250k.cu8' },
      { kind: 'mpx-file', path: '-', format: 'wav' },
    ];
    expect(parseConfig({ ...LEAST, output }, '/x').outputs.map(({ kind }) => kind)).toEqual([
      'air',
      'iq-file',
      'mpx-file',
    ]);
    expect(messageOf({ ...LEAST, output: [...output, { kind: 'iq-file', path: 'b', rateHz: 300_000 }] })).toContain(
      'same rateHz',
    );
  });

  it.each([
    [{ ...LEAST, stateDir: undefined }, 'stateDir must be a text; it is missing'],
    [{ ...LEAST, dataShare: 25 }, 'dataShare must be a number from 0.01 to 0.9; it is 25'],
    [{ ...LEAST, datashare: 0.2 }, 'datashare is not known here'],
    [{ ...LEAST, station: { ...STATION, pi: '0000' } }, 'station.pi must be four hex digits'],
    [{ ...LEAST, station: { ...STATION, ps: 'NINE CHAR' } }, 'station.ps must be 1 to 8'],
    [{ ...LEAST, station: { ...STATION, groupType: '11B' } }, 'station.groupType must be a type A group'],
    [{ ...LEAST, station: { ...STATION, groupType: '2A' } }, 'station.groupType must be a type A group'],
    [{ ...LEAST, output: { kind: 'hackrf' } }, 'output.kind must be one of air, iq-file, mpx-file'],
    [{ ...LEAST, output: { kind: 'air', port: 0, lossshare: 0.1 } }, 'output.lossshare is not known here'],
    [{ ...LEAST, output: [] }, 'output must name at least one'],
    [{ ...LEAST, output: { kind: 'air', port: 0, fades: [{ atSeconds: 1 }] } }, 'output.fades[0].durationSeconds'],
    [{ ...LEAST, link: { bundleDir: 'b', port: 0 } }, 'link.port must be a number from 1'],
    [
      { ...LEAST, station: { ...STATION, rds2: true }, output: { kind: 'mpx-file', path: 'x', rateHz: 144_000 } },
      'rateHz must be 157000 or more',
    ],
    [
      { ...LEAST, station: { ...STATION, receiverMemoryBytes: -1 } },
      'station.receiverMemoryBytes must be a number from 0',
    ],
    [{ ...LEAST, station: { ...STATION, assumedLoss: 1 } }, 'station.assumedLoss must be a number from 0 to 0.9'],
    [{ ...LEAST, trustedKeys: [''] }, 'trustedKeys[0]'],
    ['text', 'must be an object'],
  ])('says what is wrong in %j', (value, message) => {
    expect(messageOf(value)).toContain(message);
  });
});
