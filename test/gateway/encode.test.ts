import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { deviceTypeTag } from '#codec/groups/directory.ts';
import { isWhole } from '#codec/groups/group.ts';
import { parseHexLine } from '#codec/groups/hex.ts';
import { Reception } from '#codec/groups/reception.ts';
import { type EncodeOptions, runEncode } from '../../gateway/encode.ts';
import { Seeded } from '../groups/station.ts';

const folder = mkdtempSync(join(tmpdir(), 'carillon-encode-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'object');
const bytes = new Seeded(77).bytes(1200);
writeFileSync(path, bytes);

class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function encode(options: EncodeOptions, file = path): Promise<{ status: number; out: string; err: string }> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const status = await runEncode(file, options, { stdin: process.stdin, stdout, stderr });
  return { status, out: stdout.text, err: stderr.text };
}

function receive(text: string, loss: number, seed: number): Reception & { objects: Uint8Array[] } {
  const reception = Object.assign(new Reception(), { objects: [] as Uint8Array[] });
  const random = new Seeded(seed);
  for (const line of text.split('\n')) {
    const parsed = parseHexLine(line);
    if (parsed.kind !== 'group' || random.next() < loss) continue;
    expect(isWhole(parsed.group)).toBe(true);
    for (const event of reception.push(parsed.group)) if (event.kind === 'object') reception.objects.push(event.bytes);
  }
  return reception;
}

describe('gateway encode', () => {
  it('sends enough by default for a receiver that loses a fifth, with and without RDS2', async () => {
    for (const rds2 of [false, true]) {
      const { status, out, err } = await encode({ rds2, deviceType: 'example.com/lamp' });
      expect(status).toBe(0);
      expect(err).toMatch(rds2 ? /^Fountain of width 13: 1 x 185 rows, / : /^Fountain of width 8: 1 x 300 rows, /);
      expect(err).toMatch(/\n\d+ groups on each stream .* 20 %/);
      for (let seed = 1; seed <= 10; seed++) {
        const reception = receive(out, 0.2, seed);
        expect(reception.objects).toEqual([bytes]);
        expect(reception.status().directory?.entries[0].deviceTypeTag).toBe(deviceTypeTag('example.com', 'lamp'));
      }
    }
  });

  it('keeps share and programme: PS, RadioText and time can be read, and the first announcement comes at once', async () => {
    const { out } = await encode({ groups: '1000', share: '0.5', pi: 'd318', ps: 'TEST', rt: 'Grüße' });
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(1000);
    const types = lines.map((line) => line.slice(5, 7));
    const ours = types.filter((type) => type.startsWith('B') || type.startsWith('30')).length;
    expect(Math.abs(ours - 500)).toBeLessThanOrEqual(1);
    const { programme } = receive(out, 0, 1).status();
    expect(programme).toMatchObject({ pi: 0xd318, ps: 'TEST    ', radioText: 'Grüße' });
    expect(programme.clockMinutesSince1970).toBe(Date.parse('2026-01-01T00:01:00Z') / 60_000);
    expect(lines.findIndex((line) => line.endsWith('CA11'))).toBeLessThan(3);
  });

  it('gives the same groups for the same arguments', async () => {
    const options = { groups: '300', counter: '16777100', rds2: true };
    expect((await encode(options)).out).toBe((await encode(options)).out);
  });

  it('refuses what cannot be meant, with status 2, and what cannot be read, with status 1', async () => {
    const wrong: EncodeOptions[] = [
      { share: '0.9' },
      { share: 'x' },
      { share: '' },
      { groups: '1.5' },
      { pi: '12345' },
      { output: 'json' },
      { deviceType: 'lamp' },
      { time: 'tomorrow' },
    ];
    for (const options of wrong) expect(await encode(options)).toMatchObject({ status: 2, out: '' });
    expect(await encode({}, join(folder, 'none'))).toMatchObject({ status: 1, out: '' });
    writeFileSync(join(folder, 'empty'), '');
    expect(await encode({}, join(folder, 'empty'))).toMatchObject({ status: 1, out: '' });
    expect(await encode({ output: 'help' })).toMatchObject({ status: 0, out: 'hex\n' });
  });
});
