/** Files in which there are files, whichever kind they are. */

import { erofsParts } from './erofs.ts';
import { ext4Parts } from './ext4.ts';
import { type Part, tarParts } from './tar.ts';

export interface Container {
  /** An archive is heads and files one after another; in an image there is more, and files lie anywhere. */
  readonly kind: 'archive' | 'image';
  readonly parts: readonly Part[];
}

/** Undefined where this is none. */
export function containerOf(content: Uint8Array): Container | undefined {
  const image = ext4Parts(content) ?? erofsParts(content);
  if (image !== undefined) return { kind: 'image', parts: image };
  const archive = tarParts(content);
  return archive === undefined ? undefined : { kind: 'archive', parts: archive };
}
