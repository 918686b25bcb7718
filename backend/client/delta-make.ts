/** `carillon delta make`: a patch between two files; nothing is sent anywhere. */

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { makeDelta } from '#codec/package/delta/make.ts';
import { type Output, printRow } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { alignInThreads } from '../packaging/align-pool.ts';
import { usableMemoryBytes } from '../packaging/shared-content.ts';
import { rounded, sharedContent, writeWhole } from './delta-files.ts';

function sha256Of(content: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(content).digest());
}

export async function deltaMake(
  paths: { readonly old: string; readonly new: string; readonly patch: string },
  wantsProgress: boolean,
  output: Output,
): Promise<void> {
  const oldContent = await sharedContent(paths.old);
  const newContent = await sharedContent(paths.new);
  const progress = (what: string, share: number): void => {
    if (wantsProgress) output.people(`${what}: ${Math.round(100 * share)} %`);
  };
  const started = performance.now();
  const made = await makeDelta(oldContent, newContent, {
    memoryBytes: usableMemoryBytes(),
    digests: { old: sha256Of(oldContent), new: sha256Of(newContent) },
    alignAll: (contents, jobs) =>
      alignInThreads(
        contents,
        jobs,
        everyTenth((share) => progress('aligning', share)),
      ),
    progress: ofBytes(everyTenth((share) => progress('coding', share))),
  });
  if (made === undefined)
    throw new CommandError(
      `No patch from ${paths.old} to ${paths.new} would fit into the memory of a device: send ${paths.new} as it is.`,
    );
  await writeWhole(paths.patch, (descriptor) => writeFileSync(descriptor, made.patch));
  printRow(output, {
    patch: paths.patch,
    sizeBytes: made.patch.length,
    oldSizeBytes: oldContent.length,
    newSizeBytes: newContent.length,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    ...rounded(made.costsBytes),
    decoderMemoryBytes: made.memoryBytes,
  });
}

function ofBytes(tell: (share: number) => void): (doneBytes: number, totalBytes: number) => void {
  return (doneBytes, totalBytes) => tell(totalBytes === 0 ? 1 : doneBytes / totalBytes);
}

function everyTenth(tell: (share: number) => void): (share: number) => void {
  let told = 0;
  return (share) => {
    const tenth = Math.floor(10 * share);
    if (tenth > told) tell(tenth / 10);
    told = Math.max(told, tenth);
  };
}
