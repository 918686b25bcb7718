/** What the parts of the server share. Everything with an effect is in here, so that tests can give their own. */

import type { DataFolder } from './data-folder.ts';
import type { Pack } from './packaging/pack.ts';
import type { WriteChunk } from './receive-file.ts';
import type { Store } from './store/open.ts';

export interface Backend {
  readonly store: Store;
  readonly folder: DataFolder;
  readonly pack: Pack;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly maxUploadBytes: number;
  /** On air. */
  readonly maxPackageBytes: number;
  readonly write: WriteChunk;
  /** Jobs may have changed: run the schedule and tell the gateways, without waiting for the next tick. */
  readonly changed: () => Promise<void>;
}
