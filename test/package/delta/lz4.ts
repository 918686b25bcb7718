/** A block of LZ4 (lz4_Block_format.md), from the back of a cluster: EROFS has zeros before it. */

export function lz4Unpacked(cluster: Uint8Array): Uint8Array {
  const out: number[] = [];
  const from = { at: cluster.findIndex((value) => value !== 0) };
  const byte = (): number => cluster[from.at++] ?? 0;
  const length = (start: number): number => {
    let sum = start;
    for (let more = start === 15 ? 255 : 0; more === 255; sum += more) more = byte();
    return sum;
  };
  while (from.at >= 0 && from.at < cluster.length) {
    const token = byte();
    for (let left = length(token >> 4); left > 0; left--) out.push(byte());
    if (from.at >= cluster.length) break;
    const distance = byte() + 256 * byte();
    for (let left = 4 + length(token & 15); left > 0; left--) out.push(out[out.length - distance] ?? 0);
  }
  return Uint8Array.from(out);
}
