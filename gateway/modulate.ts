/** `gateway modulate`: groups as hex lines in, the multiplex signal or FM baseband out. A filter, faster than real time. */

import type { Command } from 'commander';
import type { Blocks, Group, StreamNumber } from '#codec/groups/group.ts';
import { LOST_BLOCK, STREAM_NUMBERS } from '#codec/groups/group.ts';
import { parseHexLine } from '#codec/groups/hex.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { parseHz } from '#codec/iq/rate.ts';
import type { SampleFormat } from '#codec/iq/samples.ts';
import { SAMPLE_FORMATS, writeSamples } from '#codec/iq/samples.ts';
import { DEFAULT_RDS_DEVIATION_HZ, MpxModulator } from '#codec/mpx/modulate.ts';
import { leastMpxRateHz } from '#codec/mpx/subcarrier.ts';
import { ByteWriter, linesOf, openBytes, type StandardStreams } from '#hardware/file/bytes.ts';
import { wavHeader } from '#hardware/file/wav.ts';
import { messageOf } from '#hardware/fault.ts';
import { EXIT, GatewayError } from './fault.ts';
import { openAudio } from './programme-audio.ts';

/** As they come from the command line. */
export interface ModulateOptions {
  readonly input?: string;
  readonly rate?: string;
  readonly output?: string;
  readonly format?: string;
  readonly rds2?: boolean;
  readonly level?: string;
  readonly audio?: string;
  readonly file?: string;
  readonly write?: string;
}

interface Settings {
  readonly rateHz: number;
  readonly output: 'mpx' | 'iq';
  readonly format: SampleFormat;
  readonly streams: 1 | 4;
  readonly levelHz: number;
  readonly audio: string;
  readonly file: string;
  readonly write: string;
}

const OUTPUTS = ['mpx', 'iq'] as const;
/** Groups read ahead while a stream waits for its next one to turn up in the input. */
const READ_AHEAD_GROUPS = 4_096;
const CHUNK_SAMPLES = 8_192;

function usage(message: string): GatewayError {
  return new GatewayError('USAGE', message, EXIT.usage);
}

function unsendable(message: string): GatewayError {
  return new GatewayError('UNSENDABLE', message);
}

function parseSettings(options: ModulateOptions): Settings {
  if ((options.input ?? 'hex') !== 'hex') throw usage(`modulate reads -i hex, not ${options.input}.`);
  const output = OUTPUTS.find((name) => name === options.output);
  if (output === undefined) throw usage('Say what to make: -o mpx or -o iq.');
  const rateHz = parseHz(options.rate ?? '');
  if (rateHz === null) throw usage('Give the sample rate with -r, for example -r 192k.');
  const format = SAMPLE_FORMATS.find((name) => name === (options.format ?? 'cu8'));
  if (format === undefined) throw usage(`--format is one of ${SAMPLE_FORMATS.join(', ')}.`);
  if (output === 'mpx' && options.format !== undefined) throw usage('--format is for -o iq; -o mpx is always s16.');
  const levelHz = options.level === undefined ? DEFAULT_RDS_DEVIATION_HZ : parseHz(options.level);
  if (levelHz === null || levelHz < 1_000 || levelHz > 7_500) {
    throw usage('--level is the deviation of each subcarrier, 1000 to 7500 Hz (EN 50067 clause 1.4).');
  }
  const least = leastMpxRateHz(options.rds2 === true ? 4 : 1);
  if (rateHz < least) throw usage(`-r must be at least ${least} for these subcarriers.`);
  if (output === 'iq' && rateHz < 225_000) throw usage('-o iq needs at least 225k samples a second for an FM channel.');
  const { audio = 'melody', file = '-', write = '-' } = options;
  return { rateHz, output, format, streams: options.rds2 === true ? 4 : 1, levelHz, audio, file, write };
}

/** Groups waiting for their stream. */
class GroupQueues {
  readonly #queues: Group[][] = STREAM_NUMBERS.map(() => []);
  readonly #streams: number;
  #waiting = 0;
  /** How often each stream found nothing to send after the end of the input. */
  readonly idle: number[];
  ended = false;
  sent = 0;

  constructor(streams: number) {
    this.#streams = streams;
    this.idle = Array.from({ length: streams }, () => 0);
  }

  put(group: Group): void {
    this.#queues[group.stream].push(group);
    this.#waiting++;
  }

  readonly take = (stream: StreamNumber): Group | null => {
    const group = this.#queues[stream].shift();
    if (group === undefined) {
      if (this.ended) this.idle[stream]++;
      return null;
    }
    this.#waiting--;
    this.sent++;
    return group;
  };

  /** Whether the next chunk (shorter than a group) can be made without knowing more of the input. */
  get ready(): boolean {
    return this.#waiting >= READ_AHEAD_GROUPS || this.#queues.slice(0, this.#streams).every((q) => q.length >= 2);
  }

  /** A stream that asked twice in vain has sent 104 bits of fill, in which the last group came to an end everywhere. */
  get finished(): boolean {
    return this.ended && this.#waiting === 0 && this.idle.every((times) => times >= 2);
  }
}

function groupOfLine(line: string, number: number, streams: 1 | 4): Group | null {
  const parsed = parseHexLine(line);
  if (parsed.kind === 'nothing') return null;
  const where = `Line ${number}`;
  if (parsed.kind === 'fault') {
    throw unsendable(`${where} is not a group (${parsed.reason}, character ${parsed.offset + 1}); it was not sent.`);
  }
  const { stream, blocks } = parsed.group;
  if (blocks.includes(LOST_BLOCK)) throw unsendable(`${where} lacks a block, so the group cannot be sent.`);
  if (stream >= streams) throw unsendable(`${where} is for RDS2 stream ${stream}; add --rds2 to send it.`);
  const whole: Blocks = blocks;
  return { stream, blocks: whole };
}

async function modulate(settings: Settings, streams: StandardStreams): Promise<void> {
  const { rateHz, output, format } = settings;
  const audio = await openAudio(settings.audio).catch((error: unknown) => {
    throw new GatewayError('AUDIO', `${messageOf(error)} Nothing was sent.`, EXIT.failed, error);
  });
  const input = await openBytes(settings.file, streams.stdin);
  const writer = await ByteWriter.open(settings.write, streams.stdout);
  const queues = new GroupQueues(settings.streams);
  const modulator = new MpxModulator({
    rateHz,
    streams: settings.streams,
    rdsDeviationHz: settings.levelHz,
    audio,
    nextGroup: queues.take,
  });
  const fm = new FmModulator({ rateHz });
  const chunk = Math.min(CHUNK_SAMPLES, Math.floor(rateHz / 25));
  const mpx = new Float32Array(chunk);
  const iq = new Float32Array(2 * chunk);
  const sendChunk = (): Promise<boolean> => {
    modulator.modulate(mpx);
    if (output === 'mpx') return writer.write(writeSamples('cs16', mpx));
    fm.modulate(mpx, iq);
    return writer.write(writeSamples(format, iq));
  };
  if (output === 'mpx' && settings.write.endsWith('.wav')) await writer.write(wavHeader({ rateHz, channels: 1 }));
  let number = 0;
  let open = true;
  for await (const line of linesOf(input)) {
    const group = groupOfLine(line, ++number, settings.streams);
    if (group !== null) queues.put(group);
    while (open && queues.ready) open = await sendChunk();
    if (!open) return;
  }
  queues.ended = true;
  while (open && !queues.finished) open = await sendChunk();
  await writer.end();
  streams.stderr.write(`${queues.sent} groups sent\n`);
}

/** Returns the exit status: 0 done, 1 failed, 2 wrong usage. */
export async function runModulate(options: ModulateOptions, streams: StandardStreams): Promise<number> {
  if (options.output === 'help' || options.format === 'help') {
    streams.stdout.write(`${(options.output === 'help' ? OUTPUTS : SAMPLE_FORMATS).join('\n')}\n`);
    return EXIT.done;
  }
  try {
    await modulate(parseSettings(options), streams);
    return EXIT.done;
  } catch (error) {
    streams.stderr.write(`modulate: ${messageOf(error)}\n`);
    return error instanceof GatewayError ? error.exitStatus : EXIT.failed;
  }
}

export function addModulateCommand(program: Command): void {
  program
    .command('modulate')
    .description('make a multiplex or FM baseband signal from groups (a filter: nothing goes on air)')
    .option('-i, --input <form>', 'what comes in: hex, one group a line', 'hex')
    .option('-r, --rate <hz>', 'samples a second, for example 192k')
    .option('-o, --output <form>', 'what to make: mpx (s16 little endian mono, full scale 75 kHz) or iq')
    .option('--format <form>', `form of iq samples: ${SAMPLE_FORMATS.join(', ')} (default cu8)`)
    .option('--rds2', 'all four subcarriers; lines that begin #S1, #S2 or #S3 go to the upper three')
    .option('--level <hz>', 'deviation of each subcarrier (default 2000)')
    .option('--audio <what>', 'programme: melody, none, or a 16-bit stereo WAV file', 'melody')
    .option('-f, --file <path>', 'read groups from here', '-')
    .option('-w, --write <path>', 'write samples to here', '-')
    .action(async (options: ModulateOptions) => {
      process.exitCode = await runModulate(options, process);
    });
}
