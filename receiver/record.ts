/** `receiver record`: samples of a dongle into a file, with a sheet beside it that says what they are and what was heard. */

import { lstat } from 'node:fs/promises';
import type { Command } from 'commander';
import { SAMPLE_BYTES, SAMPLE_FORMATS, type SampleFormat } from '#codec/iq/samples.ts';
import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import type { StandardStreams } from '#hardware/file/bytes.ts';
import { replaceAtomically } from '#hardware/file/durable.ts';
import { RecordingFile } from '#hardware/file/recording-file.ts';
import { recordingName } from '#hardware/file/recording.ts';
import type { WavForm } from '#hardware/file/wav.ts';
import { HardwareError, messageOf } from '#hardware/fault.ts';
import { codeOf, EXIT, exitOf, usage } from './fault.ts';
import { isTerminal, untilStopped } from './foreground.ts';
import { describeHeard, type HeardStation, StationListener } from './heard.ts';
import {
  addSourceOptions,
  makeSource,
  parseFrequency,
  parseSeconds,
  parseSource,
  parseStreams,
  parseTuning,
  SOURCE_FORMS,
  type SourceConfig,
  type SourceOptions,
} from './source.ts';

/** As they come from the command line. */
export interface RecordOptions extends SourceOptions {
  readonly seconds?: string;
  readonly write?: string;
  readonly force?: boolean;
  readonly streams?: string;
  /** False for `--no-decode`. */
  readonly decode?: boolean;
}

interface Settings {
  readonly source: SourceConfig;
  readonly request: TuneRequest;
  readonly seconds: number;
  /** Named after what is recorded when absent. */
  readonly path: string | undefined;
  readonly overwrite: boolean;
  /** Of decoding; null for none. */
  readonly streams: 1 | 4 | null;
}

/** What stands beside a recording. */
interface Sheet {
  readonly file: string;
  /** False while it goes on, and when it ended before it should have. */
  readonly complete: boolean;
  readonly end: Ending;
  readonly error?: { readonly code: string; readonly message: string };
  readonly source: string;
  readonly frequencyHz: number;
  readonly rateHz: number;
  readonly format: SampleFormat;
  readonly container: 'bare' | 'wav';
  readonly gainDb: number | 'auto' | null;
  readonly correctionPpm: number | null;
  readonly startTime: string;
  readonly durationSeconds: number;
  /** Of samples. */
  readonly bytes: number;
  /** Null with `--no-decode`. */
  readonly heard: HeardStation | null;
}

type Ending = 'going-on' | 'done' | 'stopped' | 'end-of-recording' | 'failed';

const WAV_FORM: Readonly<Record<SampleFormat, WavForm>> = { cu8: 'u8', cs8: 'u8', cs16: 's16', cf32: 'f32' };
const PROGRESS_MS = 1000;

function parseSettings(options: RecordOptions): Settings {
  const source = parseSource(options);
  const { frequency } = options;
  if (frequency === undefined && source.kind !== 'file')
    throw usage('Say which station: --frequency, for example --frequency 98.5M.');
  const path = options.write;
  if (path === '') throw usage('-w is the name of a file, or - for stdout.');
  return {
    source,
    request: { ...parseTuning(options, source), frequencyHz: frequency === undefined ? 0 : parseFrequency(frequency) },
    seconds: options.seconds === undefined ? Number.POSITIVE_INFINITY : parseSeconds(options.seconds),
    path,
    overwrite: options.force === true,
    streams: options.decode === false ? null : parseStreams(options.streams),
  };
}

/** The name of the file and whether it is WAV, which its ending says. */
function placeOf(path: string | undefined, { frequencyHz, rateHz, format }: Tuned): { path: string; isWav: boolean } {
  if (path === undefined) return { path: recordingName(frequencyHz, rateHz, format), isWav: false };
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const named = SAMPLE_FORMATS.find((name) => name === ending);
  if (named !== undefined && named !== format)
    throw usage(`What comes is ${format} and is written as it comes; name it .${format}, or .wav.`);
  return { path, isWav: ending === 'wav' };
}

class Recorder {
  readonly #settings: Settings;
  readonly #streams: StandardStreams;
  readonly #tuned: Tuned;
  readonly #path: string;
  readonly #isWav: boolean;
  readonly #file: RecordingFile;
  readonly #sheetPath: string | undefined;
  readonly #listener: StationListener | undefined;
  readonly #startTime = new Date().toISOString();
  #progressMs = 0;

  static async open(settings: Settings, streams: StandardStreams, tuned: Tuned): Promise<Recorder> {
    const { path, isWav } = placeOf(settings.path, tuned);
    const sheetPath = await sheetPathOf(path, settings.overwrite);
    const listener =
      settings.streams === null
        ? undefined
        : new StationListener({ rateHz: tuned.rateHz, format: tuned.format, streams: settings.streams });
    const file = await RecordingFile.open({
      path,
      overwrite: settings.overwrite,
      stdout: streams.stdout,
      ...(isWav && { wav: { rateHz: tuned.rateHz, form: WAV_FORM[tuned.format] } }),
    });
    return new Recorder(settings, streams, tuned, { path, isWav, file, sheetPath, listener });
  }

  private constructor(
    settings: Settings,
    streams: StandardStreams,
    tuned: Tuned,
    place: {
      readonly path: string;
      readonly isWav: boolean;
      readonly file: RecordingFile;
      readonly sheetPath: string | undefined;
      readonly listener: StationListener | undefined;
    },
  ) {
    this.#settings = settings;
    this.#streams = streams;
    this.#tuned = tuned;
    this.#path = place.path;
    this.#isWav = place.isWav;
    this.#file = place.file;
    this.#sheetPath = place.sheetPath;
    this.#listener = place.listener;
  }

  /** Records until it is enough, the source ends or `signal` says so; gives the exit status. */
  async run(source: IqSource, signal: AbortSignal): Promise<number> {
    const { stderr } = this.#streams;
    const name = this.#path === '-' ? 'stdout' : this.#path;
    stderr.write(`Recording ${this.#tuned.description} on ${this.#tuned.frequencyHz / 1e6} MHz to ${name}.\n`);
    await this.#writeSheet({ complete: false, end: 'going-on' });
    let end: Ending = 'failed';
    let failure: unknown;
    try {
      end = await this.#record(source, signal);
    } catch (error) {
      failure = error;
    }
    try {
      await this.#file.close();
    } catch (error) {
      failure ??= error;
    }
    if (failure !== undefined) end = 'failed';
    const isAll = this.#seconds >= this.#settings.seconds || this.#settings.seconds === Number.POSITIVE_INFINITY;
    const complete = end !== 'failed' && isAll;
    this.#clearProgress();
    const error = failure === undefined ? {} : { error: { code: codeOf(failure), message: messageOf(failure) } };
    const sheet = await this.#writeSheet({ complete, end, ...error });
    if (this.#path !== '-' && !isTerminal(this.#streams.stdout))
      this.#streams.stdout.write(`${JSON.stringify(sheet)}\n`);
    if (failure !== undefined) stderr.write(`record: ${messageOf(failure)}\n`);
    stderr.write(this.#summary(sheet));
    if (failure !== undefined) return exitOf(failure);
    return complete ? EXIT.done : EXIT.incomplete;
  }

  get #seconds(): number {
    return this.#file.bytes / SAMPLE_BYTES[this.#tuned.format] / this.#tuned.rateHz;
  }

  async #record(source: IqSource, signal: AbortSignal): Promise<Ending> {
    const { format, rateHz } = this.#tuned;
    let left = Math.round(this.#settings.seconds * rateHz) * SAMPLE_BYTES[format];
    for await (const chunk of source.chunks()) {
      const bytes = chunk.length > left ? chunk.subarray(0, left) : chunk;
      left -= bytes.length;
      // What is recorded comes before what is heard of it.
      await this.#file.write(this.#isWav && format === 'cs8' ? unsigned(bytes) : bytes);
      this.#listener?.push(bytes);
      this.#progress();
      if (left === 0) return 'done';
      if (signal.aborted) break;
    }
    return signal.aborted ? 'stopped' : 'end-of-recording';
  }

  /** Losing the sheet loses no samples: a disk that has no room for it is said by the recording itself. */
  async #writeSheet(state: Pick<Sheet, 'complete' | 'end' | 'error'>): Promise<Sheet> {
    const { request, source } = this.#settings;
    const { description, frequencyHz, rateHz, format } = this.#tuned;
    const isFile = source.kind === 'file';
    const sheet: Sheet = {
      file: this.#path,
      ...state,
      source: description,
      ...{ frequencyHz, rateHz, format, container: this.#isWav ? 'wav' : 'bare' },
      gainDb: isFile ? null : request.gainDb,
      correctionPpm: isFile ? null : request.correctionPpm,
      startTime: this.#startTime,
      durationSeconds: Number(this.#seconds.toFixed(3)),
      bytes: this.#file.bytes,
      heard: this.#listener?.heard() ?? null,
    };
    if (this.#sheetPath !== undefined)
      await replaceAtomically(this.#sheetPath, `${JSON.stringify(sheet, null, 2)}\n`).catch((error: unknown) => {
        this.#streams.stderr.write(`${this.#sheetPath} cannot be written: ${messageOf(error)}\n`);
      });
    return sheet;
  }

  #progress(): void {
    if (!isTerminal(this.#streams.stderr)) return;
    const nowMs = performance.now();
    if (nowMs - this.#progressMs < PROGRESS_MS) return;
    this.#progressMs = nowMs;
    this.#streams.stderr.write(`\r\u001b[K${this.#line()}`);
  }

  #clearProgress(): void {
    if (this.#progressMs > 0) this.#streams.stderr.write('\r\u001b[K');
  }

  #line(): string {
    const heard = this.#listener === undefined ? '' : `: ${describeHeard(this.#listener.heard())}`;
    return `${this.#seconds.toFixed(1)} s, ${(this.#file.bytes / 1e6).toFixed(1)} MB${heard}`;
  }

  #summary({ complete }: Sheet): string {
    const how = complete ? '' : ' The recording is cut short.';
    const beside = this.#sheetPath === undefined ? '' : ` What it is stands in ${this.#sheetPath}.`;
    return `${this.#line()}.${how}${beside}\n`;
  }
}

/** Undefined where a file beside makes no sense: stdout, a pipe, a device. */
async function sheetPathOf(path: string, overwrite: boolean): Promise<string | undefined> {
  if (path === '-') return undefined;
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined && (there.isFIFO() || there.isCharacterDevice())) return undefined;
  const sheetPath = path.replace(/\.[^./]+$/, '').concat('.json');
  if (sheetPath === path) throw usage('A recording is not named .json; that is the name of what stands beside it.');
  if (overwrite || (await lstat(sheetPath).catch(() => undefined)) === undefined) return sheetPath;
  throw new HardwareError('FILE_EXISTS', `${sheetPath} exists and is left as it is; choose another name, or --force.`);
}

/** Signed to unsigned bytes, for WAV, which has no signed ones. */
function unsigned(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte ^ 0x80);
}

/** Returns the exit status: 0 done, 1 failed, 2 wrong usage, 4 ended before it was enough. */
export async function runRecord(
  options: RecordOptions,
  streams: StandardStreams,
  signal: AbortSignal,
): Promise<number> {
  if (options.source === 'help') {
    streams.stdout.write(`${SOURCE_FORMS.join('\n')}\n`);
    return EXIT.done;
  }
  let source: IqSource | undefined;
  const stop = (): void => void source?.close();
  try {
    const settings = parseSettings(options);
    source = makeSource(settings.source, streams.stdin);
    signal.addEventListener('abort', stop);
    const tuned = await source.open(settings.request);
    const recorder = await Recorder.open(settings, streams, tuned);
    return await recorder.run(source, signal);
  } catch (error) {
    if (signal.aborted) return EXIT.incomplete;
    streams.stderr.write(`record: ${messageOf(error)}\n`);
    return exitOf(error);
  } finally {
    signal.removeEventListener('abort', stop);
    await source?.close();
  }
}

export function addRecordCommand(program: Command): void {
  addSourceOptions(program.command('record'))
    .description('record the samples of a station, and what they are')
    .option('--frequency <hz>', 'station, for example 98.5M')
    .option('--seconds <n>', 'stop after so much signal')
    .option('-w, --write <path>', 'file, .wav for WAV, or - for stdout (default recording_98.5M_250k.cu8 and the like)')
    .option('--force', 'over an existing file')
    .option('--no-decode', 'do not listen along')
    .action(async (options: RecordOptions) => {
      process.exitCode = await untilStopped((signal) => runRecord(options, process, signal), { unread: 'go-on' });
    });
}
