/** What a recording's name says: `place_98.5M_250k.cu8` is 98.5 MHz at 250,000 samples/s, as unsigned bytes. */

import { formatHz, parseHz } from '#codec/iq/rate.ts';
import { SAMPLE_FORMATS, type SampleFormat } from '#codec/iq/samples.ts';

export interface RecordingFacts {
  readonly format?: SampleFormat;
  readonly frequencyHz?: number;
  readonly rateHz?: number;
}

/** Frequencies of radio are above 10 MHz, sample rates below. */
export function parseRecordingName(path: string): RecordingFacts {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  const facts: { format?: SampleFormat; frequencyHz?: number; rateHz?: number } = {};
  const format = SAMPLE_FORMATS.find((name) => name === extension);
  if (format !== undefined) facts.format = format;
  for (const part of (dot < 0 ? name : name.slice(0, dot)).split('_')) {
    const hz = /[kKMG]$/.test(part) ? parseHz(part) : null;
    if (hz === null) continue;
    if (hz >= 10e6) facts.frequencyHz = hz;
    else facts.rateHz = hz;
  }
  return facts;
}

/** The name of a recording that says all of it; `extension` is the format, or `wav`. */
export function recordingName(frequencyHz: number, rateHz: number, extension: string): string {
  return `recording_${formatHz(frequencyHz)}_${formatHz(rateHz)}.${extension}`;
}
