/**
 * What a chain of deltas has made on its way, in the state folder: the base of its next step, whole and compared with what was signed,
 * or absent; and beside it the part that is there of the one after.
 *
 *     install.base.part -- whole, flushed, digest right --> install.base
 *
 * Both outlive a power cut. What is whole is believed only after its digest was computed anew, what is not only with a checkpoint.
 */

import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Step } from '#codec/package/steps.ts';
import { flushFolderSync } from '#hardware/file/durable.ts';
import { FileScratch } from '#hardware/native/scratch-file.ts';
import { FilePlace } from './file-place.ts';

export class KeptBase {
  readonly #path: string;
  #base: FilePlace | undefined;
  #part: FilePlace | undefined;

  constructor(stateFolder: string) {
    this.#path = join(stateFolder, 'install.base');
  }

  /** What the next step starts from; undefined as long as that is what runs. */
  get base(): FilePlace | undefined {
    return this.#base;
  }

  /** How many of the steps have been made. What is there of anything else is removed. */
  async adopt(steps: readonly Step[]): Promise<number> {
    if (steps.length === 1) this.remove();
    const sizeBytes = statSync(this.#path, { throwIfNoEntry: false })?.size;
    if (sizeBytes === undefined) return 0;
    this.#base = this.#open(this.#path);
    // The last step makes the content, which goes elsewhere.
    for (let made = steps.length - 1; made > 0; made--) {
      const payload = steps[made - 1]?.payload;
      if (payload?.sizeInstalledBytes !== sizeBytes) continue;
      if (await this.#base.holds(payload.sha256Installed, sizeBytes)) return made;
    }
    this.#base.close();
    this.#base = undefined;
    rmSync(this.#path);
    return 0;
  }

  /** Where the base of the step after the next one is made; anew, or with what is there of it already. */
  part(goesOn: boolean): FilePlace {
    this.#part?.close();
    if (!goesOn) rmSync(this.#partPath, { force: true });
    return (this.#part = this.#open(this.#partPath));
  }

  /** The part is whole, on stable storage, and what was signed: what the next step starts from. */
  accept(): void {
    renameSync(this.#partPath, this.#path);
    flushFolderSync(dirname(this.#path));
    this.#base?.close();
    this.#base = this.#part;
    this.#part = undefined;
  }

  /** Gives the files back, for an installation that goes on later. */
  close(): void {
    this.#base?.close();
    this.#part?.close();
    this.#base = this.#part = undefined;
  }

  remove(): void {
    this.close();
    for (const path of [this.#path, this.#partPath]) rmSync(path, { force: true });
  }

  get #partPath(): string {
    return `${this.#path}.part`;
  }

  #open(path: string): FilePlace {
    return new FilePlace(new FileScratch(path, { kept: true }), dirname(path));
  }
}
