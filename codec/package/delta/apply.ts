/** A patch applied in memory. */

import { type DecodeLimits, openDelta } from './decode.ts';
import { readerOf } from './machine.ts';
import type { CostsBytes } from './setup.ts';

export type Applied =
  | { readonly kind: 'content'; readonly content: Uint8Array; readonly costsBytes: CostsBytes }
  | { readonly kind: 'fault'; readonly detail: string };

/** Never throws for what is in the patch. `pause` is awaited between chunks, so that a program can do other things meanwhile. */
export async function applyPatch(
  oldContent: Uint8Array,
  patch: Uint8Array,
  limits: DecodeLimits,
  pause: () => Promise<void> = async () => undefined,
): Promise<Applied> {
  let content: Uint8Array = new Uint8Array();
  const readNew = (at: number, into: Uint8Array): void => readerOf(content)(at, into);
  const opened = openDelta({ patch, readOld: readerOf(oldContent), readNew }, limits);
  if (opened.kind === 'fault') return opened;
  if (opened.head.oldSizeBytes !== oldContent.length)
    return { kind: 'fault', detail: `it starts from ${opened.head.oldSizeBytes} bytes, not ${oldContent.length}` };
  content = new Uint8Array(opened.head.newSizeBytes);
  for (;;) {
    const made = opened.decoder.next();
    if (made.kind === 'fault') return made;
    if (made.kind === 'end') return { kind: 'content', content, costsBytes: opened.decoder.costsBytes() };
    content.set(made.bytes, made.positionBytes);
    await pause();
  }
}
