/** What `receiver decode` reads samples from: a recording, a pipe or a dongle, with what must be known about them. */

import type { Readable } from 'node:stream';
import type { GroupReceiverOptions } from '#codec/iq/receive.ts';
import type { SampleFormat } from '#codec/iq/samples.ts';
import type { TuneRequest } from '#hardware/contracts.ts';
import { openBytes } from '#hardware/file/bytes.ts';
import { unwrapWav } from '#hardware/file/wav.ts';
import { usage } from './fault.ts';
import {
  makeSource,
  parseFrequency,
  parseRecording,
  parseSource,
  parseTuning,
  type SourceConfig,
  type SourceOptions,
} from './source.ts';

export interface IqInput {
  readonly source: SourceConfig;
  readonly request: TuneRequest;
}

export interface SampleInput {
  readonly input: GroupReceiverOptions['input'];
  readonly rateHz: number;
  readonly format: SampleFormat;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends the chunks. */
  readonly close: () => Promise<void>;
}

interface InputOptions extends SourceOptions {
  readonly file?: string;
}

/** Options of `-i iq`: `-f` for a recording, or `--source` for that or a dongle. */
export function parseIqInput(options: InputOptions): IqInput {
  const { file, source: text, ...rest } = options;
  if (text !== undefined && file !== undefined) throw usage('Give -f or --source, not both.');
  if (text === undefined && rest.frequency !== undefined)
    throw usage('--frequency is for a dongle; name it with --source.');
  const source = text === undefined ? parseRecording(file ?? '-', rest) : parseSource(options);
  if (source.kind === 'file') {
    // What says nothing about its form is as rtl_sdr writes it.
    return { source: { ...source, defaultFormat: 'cu8' }, request: { ...parseTuning(rest, source), frequencyHz: 0 } };
  }
  if (rest.frequency === undefined) throw usage('Say which station: --frequency, for example --frequency 98.5M.');
  return { source, request: { ...parseTuning(rest, source), frequencyHz: parseFrequency(rest.frequency) } };
}

export async function openIqInput({ source: config, request }: IqInput, stdin: Readable): Promise<SampleInput> {
  const source = makeSource(config, stdin);
  const { rateHz, format } = await source.open(request);
  return { input: 'iq', rateHz, format, chunks: source.chunks(), close: async () => await source.close() };
}

/** Multiplex as 16 bit, bare or as WAV, which knows its rate. `check` throws for a rate that will not do. */
export async function openMpxInput(
  path: string,
  asked: number | null,
  check: (rateHz: number) => void,
  stdin: Readable,
): Promise<SampleInput> {
  const bytes = await openBytes(path, stdin);
  const { wav, samples } = await unwrapWav(bytes, path === '-' ? 'stdin' : path);
  const close = async (): Promise<void> => void bytes.destroy();
  if (wav !== null && wav.channels !== 1)
    throw new Error('the WAV file has more than one channel; a multiplex is mono, and IQ is -i iq.');
  if (wav !== null && asked !== null && wav.rateHz !== asked)
    throw usage(`The WAV file says ${wav.rateHz} samples a second and -r says ${asked}; leave -r out.`);
  const rateHz = asked ?? wav?.rateHz;
  if (rateHz === undefined) throw usage('Give the sample rate with -r, for example -r 171k.');
  check(rateHz);
  return { input: 'mpx', rateHz, format: 'cs16', chunks: samples, close };
}

/** Bits as characters. */
export async function openBitsInput(path: string, stdin: Readable): Promise<SampleInput> {
  const bytes = await openBytes(path, stdin);
  return { input: 'bits', rateHz: 0, format: 'cu8', chunks: bytes, close: async () => void bytes.destroy() };
}
