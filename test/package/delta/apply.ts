/** Both directions of a delta in memory, for tests. */

import { type DeltaDecoder, openDelta } from '#codec/package/delta/decode.ts';
import { readerOf } from '#codec/package/delta/machine.ts';

export type Applied = { readonly content: Uint8Array } | { readonly fault: string };

export function apply(old: Uint8Array, patch: Uint8Array, mostBytes: number, memoryBytes?: number): Applied {
  const made = new Uint8Array(mostBytes);
  const opened = openDelta(
    { patch, readOld: readerOf(old), readNew: readerOf(made) },
    { newSizeBytes: mostBytes, ...(memoryBytes !== undefined && { memoryBytes }) },
  );
  if (opened.kind === 'fault') return { fault: opened.detail };
  return drain(opened.decoder, made);
}

function drain(decoder: DeltaDecoder, made: Uint8Array): Applied {
  let sizeBytes = 0;
  for (;;) {
    const next = decoder.next();
    if (next.kind === 'fault') return { fault: next.detail };
    if (next.kind === 'end') return { content: made.subarray(0, sizeBytes) };
    made.set(next.bytes, next.positionBytes);
    sizeBytes += next.bytes.length;
  }
}
