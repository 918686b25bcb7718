/** The three streams of a patch of bsdiff 4 ("BSDIFF40"), so that they can be compressed better than bsdiff itself does. */

const MAGIC = 'BSDIFF40';
const HEAD_BYTES = 32;

/** Lengths in the head have a sign in the highest bit of eight bytes. */
function length(patch: Uint8Array, at: number): number {
  const view = new DataView(patch.buffer, patch.byteOffset + at, 8);
  return Number(view.getBigUint64(0, true) & 0x7fff_ffff_ffff_ffffn);
}

/** The streams as bzip2 wrote them: control, difference, extra. Throws where this is no patch of bsdiff. */
export function bsdiffStreams(patch: Uint8Array): { readonly headBytes: number; readonly streams: Uint8Array[] } {
  if (new TextDecoder('latin1').decode(patch.subarray(0, MAGIC.length)) !== MAGIC)
    throw new Error('no patch of bsdiff 4');
  const controlEnd = HEAD_BYTES + length(patch, 8);
  const differenceEnd = controlEnd + length(patch, 16);
  if (differenceEnd > patch.length) throw new Error('a patch of bsdiff that is cut off');
  return {
    headBytes: HEAD_BYTES,
    streams: [
      patch.subarray(HEAD_BYTES, controlEnd),
      patch.subarray(controlEnd, differenceEnd),
      patch.subarray(differenceEnd),
    ],
  };
}
