/** `carillon delta info`: what is in a patch, and with the old file where its bytes went. */

import { applyPatch } from '#codec/package/delta/apply.ts';
import { costsByFile, type Step } from '#codec/package/delta/costs-by-file.ts';
import { MOST_BYTES, readHead } from '#codec/package/delta/format.ts';
import { type Output, printRow, printRows, type Row } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { contentOf, rounded } from './delta-files.ts';

interface InfoOptions {
  readonly old?: string;
  readonly files?: boolean;
}

/** With the old file, also where the bytes of the patch go. */
export async function deltaInfo(path: string, options: InfoOptions, output: Output): Promise<void> {
  const patch = contentOf(path);
  const read = readHead(patch);
  if (read.kind === 'fault') throw new CommandError(`${path} is no delta: ${read.detail}.`, 3);
  const { digests, views, ...head } = read.head;
  if (options.files === true && options.old === undefined)
    throw new CommandError('--files needs --old: what a file takes is known when the patch is applied.');
  const told: Row = {
    sizeBytes: patch.length,
    headBytes: read.sizeBytes,
    ...head,
    ...(views !== undefined && { views: { ...views, list: undefined, listBytes: views.list.length } }),
    ...(digests !== undefined && { oldSha256: digests.old.toHex(), newSha256: digests.new.toHex() }),
  };
  if (options.old === undefined) {
    printRow(output, told);
    return;
  }
  const steps: Step[] = [];
  const applied = await applyPatch(
    contentOf(options.old),
    patch,
    { newSizeBytes: MOST_BYTES },
    undefined,
    (endBytes, patchBytes) => void steps.push({ endBytes, patchBytes }),
  );
  if (applied.kind === 'fault') throw new CommandError(`${path} can't be applied: ${applied.detail}.`, 3);
  if (options.files !== true) {
    printRow(output, { ...told, ...rounded(applied.costsBytes) });
    return;
  }
  const lists = applied.costsBytes.lists;
  const costs = costsByFile(applied.content, read.head, steps, lists);
  const rows = [
    { file: '(head)', patchBytes: read.sizeBytes },
    { file: '(where files are alike)', patchBytes: lists },
    ...costs.map(({ file, patchBytes }) => ({ file: file === '' ? '(between files)' : file, patchBytes })),
  ];
  printRows(
    output,
    rows
      .map(({ file, patchBytes }) => ({ patchBytes: Math.round(patchBytes), file }))
      .filter(({ patchBytes }) => patchBytes > 0)
      .sort((a, b) => b.patchBytes - a.patchBytes),
    ['patchBytes', 'file'],
  );
}
