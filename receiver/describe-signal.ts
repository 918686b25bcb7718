/** What was measured, in words: the end of `decode`, and `status`. */

import type { Quality } from '#codec/iq/receive.ts';
import { adviceFor } from './advice.ts';
import type { MeasuredCarrier, MeasuredSignal, MeasuredStream } from './measure.ts';

export const NOTHING_CAME = 'No samples came: check the source, or the file.\n';

/** Of everything that was decoded. */
export function summary(quality: Quality, signal: MeasuredSignal): string {
  const advice = adviceFor(signal);
  if (advice?.reason === 'no-samples') return NOTHING_CAME;
  const lines = quality.streams.map(({ stream, counts }, k) => {
    const { blocks, right, lost, groups, wholeGroups } = counts;
    const share = (count: number): string => percent(count / blocks);
    const errors = groups === 0 ? '' : `, block error rate ${share(blocks - right)}, ${share(lost)} of blocks lost`;
    const followed = signal.streams.at(k) === undefined ? '' : describeFollowed(signal.streams[k]);
    return `stream ${stream}: ${wholeGroups} of ${groups} groups whole${errors}${followed === '' ? '' : `, ${followed}`}`;
  });
  const carrier = describeCarrier(signal.carrier);
  if (carrier !== '') lines.push(`signal: ${carrier}`);
  if (advice !== undefined) lines.push(`Not a single block was decoded. ${advice.sentence}`);
  return `${lines.join('\n')}\n`;
}

/** What is not known is left out. */
export function describeCarrier({
  levelDbfs,
  cnDb,
  frequencyOffsetHz,
  pilotDeviationHz,
  clippedShare,
}: MeasuredCarrier): string {
  const parts: string[] = [];
  if (levelDbfs !== null) parts.push(`level ${levelDbfs.toFixed(1)} dBFS`);
  if (cnDb !== null) parts.push(`C/N ${cnDb.toFixed(1)} dB in 250 kHz`);
  if (frequencyOffsetHz !== null) parts.push(`carrier ${signed(frequencyOffsetHz, 0)} Hz`);
  if (pilotDeviationHz !== null) parts.push(`pilot ${(pilotDeviationHz / 1000).toFixed(2)} kHz`);
  if (clippedShare !== null) parts.push(`${percent(clippedShare)} clipped`);
  return parts.join(', ');
}

/** Of a stream that is being followed. */
export function describeFollowed({ ebN0Db, clockErrorPpm }: Pick<MeasuredStream, 'ebN0Db' | 'clockErrorPpm'>): string {
  const parts: string[] = [];
  if (ebN0Db !== null) parts.push(`Eb/N0 ${ebN0Db.toFixed(1)} dB`);
  if (clockErrorPpm !== null) parts.push(`clock ${signed(clockErrorPpm, 1)} ppm`);
  return parts.join(', ');
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function signed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) > 0 ? `+${text}` : text;
}
