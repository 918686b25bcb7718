import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, asyncProperty, constantFrom, jsonValue } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readProgress, writeProgress } from '../../receiver/progress.ts';
import { PROGRESS } from './signals.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const put = (text: string | Uint8Array): Promise<void> => writeFile(join(folder, 'progress.json'), text);

describe('progress.json', () => {
  it('comes back as it was written', async () => {
    await writeProgress(folder, PROGRESS);
    expect(await readProgress(folder)).toEqual(PROGRESS);
    const early = { ...PROGRESS, source: '', signal: null, history: [], objects: [] };
    await writeProgress(folder, early);
    expect(await readProgress(folder)).toEqual(early);
  });

  it('is absent when it is of another format, not JSON, no file, or much too large', async () => {
    const format1 = { format: 1, timeMs: 1, processId: 1, source: 'x', frequencyHz: 1, connected: true };
    await put(
      JSON.stringify({ ...format1, streams: [{ stream: 0, locked: true, groups: 1, wholeGroups: 1 }], objects: [] }),
    );
    expect(await readProgress(folder)).toBeUndefined();
    for (const text of ['', '{', 'null', '[]', '7', '"x"', '{"format":3}', JSON.stringify(PROGRESS).slice(0, -1)]) {
      await put(text);
      expect(await readProgress(folder), text).toBeUndefined();
    }
    await put(new Uint8Array(5 * 1024 * 1024).fill(32));
    expect(await readProgress(folder)).toBeUndefined();
    await rm(join(folder, 'progress.json'));
    expect(await readProgress(folder)).toBeUndefined();
    await mkdir(join(folder, 'progress.json'));
    expect(await readProgress(folder)).toBeUndefined();
    await rm(join(folder, 'progress.json'), { recursive: true });
  });

  it('never throws, whatever stands in place of any of its values (property)', async () => {
    const paths = pathsOf(PROGRESS);
    await assert(
      asyncProperty(constantFrom(...paths), jsonValue(), async (path, value) => {
        const changed: unknown = structuredClone(PROGRESS);
        setAt(changed, path, value);
        await put(JSON.stringify(changed));
        const read = await readProgress(folder);
        // What is believed has the shape of what is written.
        if (read === undefined) return;
        await writeProgress(folder, read);
        expect(await readProgress(folder)).toEqual(read);
      }),
      { numRuns: 300 },
    );
  });
});

function pathsOf(value: unknown, at: readonly string[] = []): string[][] {
  const here = at.length === 0 ? [] : [[...at]];
  if (typeof value !== 'object' || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...at, name]))];
}

function setAt(target: unknown, path: readonly string[], value: unknown): void {
  let at = target as Record<string, unknown>;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[path.at(-1) as string] = value;
}
