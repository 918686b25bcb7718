/**
 * The head of a patch (docs/delta.md): what the decoder must know before its first bit.
 *
 *     "CD" | version and flags | old size | new size less old size | segments | modules | hints | tables | [old SHA-256 | new SHA-256]
 *
 * Version: the lower four bits. Numbers are LEB128, least significant seven bits first, at most five bytes; a signed one is folded
 * (0, -1, 1, -2, ...).
 */

const MAGIC = [0x43, 0x44];
const DELTA_VERSION = 1;
const FLAG_DIGESTS = 0x10;
const FLAG_INDEX_ALL = 0x20;
const DIGEST_BYTES = 32;
/** Old and new file together. */
export const MOST_BYTES = 0xffff_ffff;

export interface DeltaHead {
  readonly oldSizeBytes: number;
  readonly newSizeBytes: number;
  readonly segmentCount: number;
  readonly moduleCount: number;
  readonly hintCount: number;
  /** Size of the tables: each step up doubles them. */
  readonly tables: number;
  /** All of the old file is made known to the match model before the first byte; for small files. */
  readonly indexAll: boolean;
  /** SHA-256 of both files; left out where a manifest says them. */
  readonly digests?: { readonly old: Uint8Array; readonly new: Uint8Array };
}

const TABLES_MOST = 4;

function pushNumber(out: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

export function writeHead(head: DeltaHead): Uint8Array {
  const flags = (head.digests === undefined ? 0 : FLAG_DIGESTS) | (head.indexAll ? FLAG_INDEX_ALL : 0);
  const out = [...MAGIC, DELTA_VERSION | flags];
  const growth = head.newSizeBytes - head.oldSizeBytes;
  const folded = growth < 0 ? -2 * growth - 1 : 2 * growth;
  for (const number of [head.oldSizeBytes, folded, head.segmentCount, head.moduleCount, head.hintCount])
    pushNumber(out, number);
  out.push(head.tables);
  if (head.digests !== undefined) out.push(...head.digests.old, ...head.digests.new);
  return Uint8Array.from(out);
}

export type ReadHead =
  | { readonly kind: 'head'; readonly head: DeltaHead; readonly sizeBytes: number }
  | { readonly kind: 'fault'; readonly detail: string };

/** Never throws. */
export function readHead(patch: Uint8Array): ReadHead {
  let at = 0;
  const next = (): number => patch[at++] ?? Number.NaN;
  const number = (): number => {
    let value = 0;
    for (let k = 0, unit = 1; k < 5; k++, unit *= 128) {
      const byte = next();
      value += (byte & 127) * unit;
      if (!(byte > 127)) return Number.isNaN(byte) ? Number.NaN : value;
    }
    return Number.NaN;
  };
  if (MAGIC.some((byte) => next() !== byte)) return { kind: 'fault', detail: 'it is no Carillon delta' };
  const third = next();
  const version = third & 15;
  const flags = third & 0xf0;
  if (version !== DELTA_VERSION)
    return { kind: 'fault', detail: `its format has version ${version}; this program reads ${DELTA_VERSION}` };
  if ((flags & ~(FLAG_DIGESTS | FLAG_INDEX_ALL)) !== 0)
    return { kind: 'fault', detail: 'its head has flags that this program does not know' };
  const oldSizeBytes = number();
  const folded = number();
  const newSizeBytes = oldSizeBytes + (folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2);
  const [segmentCount, moduleCount, hintCount, tables] = [number(), number(), number(), next()];
  if (![oldSizeBytes, newSizeBytes, segmentCount, moduleCount, hintCount, tables].every((value) => value >= 0))
    return { kind: 'fault', detail: 'its head is cut off, or contradicts itself' };
  if (oldSizeBytes + newSizeBytes > MOST_BYTES)
    return { kind: 'fault', detail: 'its files are larger than 4 GiB together' };
  if (tables > TABLES_MOST) return { kind: 'fault', detail: 'its head says tables that no encoder makes' };
  if (segmentCount > newSizeBytes || moduleCount > newSizeBytes || hintCount > newSizeBytes)
    return { kind: 'fault', detail: 'its head says more parts than there are bytes' };
  const indexAll = (flags & FLAG_INDEX_ALL) !== 0;
  const plain = { oldSizeBytes, newSizeBytes, segmentCount, moduleCount, hintCount, tables, indexAll };
  if ((flags & FLAG_DIGESTS) === 0) return { kind: 'head', head: plain, sizeBytes: at };
  if (patch.length < at + 2 * DIGEST_BYTES) return { kind: 'fault', detail: 'its head is cut off' };
  const digests = {
    old: patch.slice(at, at + DIGEST_BYTES),
    new: patch.slice(at + DIGEST_BYTES, at + 2 * DIGEST_BYTES),
  };
  return { kind: 'head', head: { ...plain, digests }, sizeBytes: at + 2 * DIGEST_BYTES };
}
