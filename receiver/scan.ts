/** `receiver scan`: which stations carry updates. */

import type { Command } from 'commander';
import { formatHz, parseHz } from '#codec/iq/rate.ts';
import type { StandardStreams } from '#hardware/file/bytes.ts';
import { messageOf } from '#hardware/fault.ts';
import { EXIT, exitOf, usage } from './fault.ts';
import { isTerminal, untilStopped } from './foreground.ts';
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
import { type FoundStation, StationMerger, Tuner, visit, type VisitOptions } from './survey.ts';

/** As they come from the command line. */
export interface ScanOptions extends SourceOptions {
  readonly band?: string;
  readonly step?: string;
  readonly list?: string;
  readonly seconds?: string;
  readonly streams?: string;
  readonly output?: string;
}

interface Settings extends VisitOptions {
  readonly source: SourceConfig;
  readonly tuning: ReturnType<typeof parseTuning>;
  readonly frequenciesHz: readonly number[];
  readonly output: 'json' | 'text' | undefined;
}

const OUTPUTS = ['json', 'text'] as const;
const DEFAULT_BAND = '87.5M-108M';
const DEFAULT_STEP = '100k';
const DEFAULT_SECONDS = '10';
const FREQUENCIES_MAX = 5000;

function parseSettings(options: ScanOptions): Settings {
  const source = parseSource(options);
  const output = OUTPUTS.find((name) => name === options.output);
  if (options.output !== undefined && output === undefined) throw usage(`-o is one of ${OUTPUTS.join(', ')}.`);
  return {
    source,
    tuning: parseTuning(options, source),
    frequenciesHz: parseFrequencies(options, source.kind === 'file'),
    seconds: parseSeconds(options.seconds ?? DEFAULT_SECONDS),
    streams: parseStreams(options.streams),
    output,
  };
}

/** In rising order, each once. */
function parseFrequencies({ list, band, step }: ScanOptions, isRecording: boolean): number[] {
  if (isRecording) {
    if (list !== undefined || band !== undefined || step !== undefined)
      throw usage('A recording has one frequency: --list, --band and --step are for a dongle.');
    // It says itself where it is.
    return [0];
  }
  if (list !== undefined) {
    if (band !== undefined || step !== undefined) throw usage('Give --list or --band with --step, not both.');
    return [...new Set(list.split(',').map((text) => parseFrequency(text.trim())))].sort((a, b) => a - b);
  }
  const [from, to, ...more] = (band ?? DEFAULT_BAND).split('-').map((text) => parseFrequency(text.trim()));
  const stepHz = parseHz(step ?? DEFAULT_STEP);
  if (from === undefined || to === undefined || more.length > 0 || from > to)
    throw usage('--band is two frequencies, the lower one first: 87.5M-108M.');
  if (stepHz === null || stepHz < 1000) throw usage('--step is 1k or more, for example 100k.');
  const count = Math.floor((to - from) / stepHz) + 1;
  if (count > FREQUENCIES_MAX) throw usage(`That is ${count} frequencies; ${FREQUENCIES_MAX} are the most.`);
  return Array.from({ length: count }, (_, k) => Math.round(from + k * stepHz));
}

const COLUMNS = ['MHz', 'PI', 'PS', 'Carillon', 'on', 'RDS2', 'C/N', 'Eb/N0', 'wrong', 'offset'] as const;
const WIDTHS = [8, 5, 9, 9, 7, 7, 6, 6, 7, 10] as const;

function row(cells: readonly string[]): string {
  const text = cells.map((cell, k) => cell.padEnd(WIDTHS[k])).join(' ');
  return `${text.trimEnd()}\n`;
}

function cellsOf(station: FoundStation): string[] {
  const { frequencyHz, pi, ps, carillon, otherVersion, groupType, channel, cnDb, streams, frequencyOffsetHz } = station;
  const [first] = streams;
  const answer = { true: 'yes', false: 'no', unknown: otherVersion ? 'other' : '?' }[`${carillon}` as const];
  const rds2 = rds2Locked(station);
  return [
    frequencyHz === null ? '?' : `${frequencyHz / 1e6}`,
    pi ?? '',
    ps ?? '',
    answer,
    carillon === true ? (groupType ?? `C/${channel}`) : '',
    rds2.join(','),
    cnDb === null ? '' : cnDb.toFixed(1),
    first.ebN0Db === null ? '' : first.ebN0Db.toFixed(1),
    first.blockErrorRate === null ? '' : `${(100 * first.blockErrorRate).toFixed(1)} %`,
    `${frequencyOffsetHz} Hz`,
  ];
}

function rds2Locked({ streams }: FoundStation): number[] {
  return streams.filter(({ stream, locked }) => stream > 0 && locked).map(({ stream }) => stream);
}

function objectOf(station: FoundStation): Record<string, unknown> {
  const { frequencyHz, pi, ps, carillon, otherVersion, groupType, channel, seconds, streams, ...quality } = station;
  const { blockErrorRate, ebN0Db } = streams[0];
  return {
    ...{ frequencyHz, pi, ps, carillon, otherVersion, groupType, channel, rds2Streams: rds2Locked(station) },
    ...{ ...quality, ebN0Db, blockErrorRate, seconds: Number(seconds.toFixed(1)) },
    streams,
  };
}

class Scan {
  readonly #settings: Settings;
  readonly #streams: StandardStreams;
  readonly #asText: boolean;
  readonly #found: FoundStation[] = [];

  constructor(settings: Settings, streams: StandardStreams) {
    this.#settings = settings;
    this.#streams = streams;
    this.#asText = (settings.output ?? (isTerminal(streams.stdout) ? 'text' : 'json')) === 'text';
  }

  async run(tuner: Tuner, signal: AbortSignal): Promise<number> {
    const { frequenciesHz } = this.#settings;
    const merger = new StationMerger();
    let visited = 0;
    let failure: unknown;
    if (this.#asText) this.#streams.stdout.write(row(COLUMNS));
    try {
      for (const frequencyHz of frequenciesHz) {
        if (signal.aborted) break;
        this.#progress(frequencyHz, visited);
        const station = await visit(tuner, frequencyHz, this.#settings);
        // What was heard when it was interrupted is not what there is.
        if (signal.aborted) break;
        visited++;
        this.#tell(station === undefined ? merger.passed(frequencyHz) : merger.push(station));
      }
    } catch (error) {
      if (!signal.aborted) failure = error;
    }
    this.#tell(merger.end());
    this.#clearProgress();
    const carriers = this.#found.filter(({ carillon }) => carillon === true);
    if (failure !== undefined) this.#streams.stderr.write(`scan: ${messageOf(failure)}\n`);
    this.#streams.stderr.write(this.#summary(visited, carriers));
    if (failure !== undefined) return exitOf(failure);
    return carriers.length > 0 ? EXIT.done : EXIT.incomplete;
  }

  #tell(station: FoundStation | undefined): void {
    if (station === undefined) return;
    this.#found.push(station);
    this.#clearProgress();
    this.#streams.stdout.write(this.#asText ? row(cellsOf(station)) : `${JSON.stringify(objectOf(station))}\n`);
  }

  #progress(frequencyHz: number, visited: number): void {
    if (!isTerminal(this.#streams.stderr) || frequencyHz === 0) return;
    const { frequenciesHz } = this.#settings;
    this.#streams.stderr.write(`\r\u001b[K${formatHz(frequencyHz)}Hz, ${visited + 1} of ${frequenciesHz.length} ...`);
  }

  #clearProgress(): void {
    if (isTerminal(this.#streams.stderr)) this.#streams.stderr.write('\r\u001b[K');
  }

  #summary(visited: number, carriers: readonly FoundStation[]): string {
    const { frequenciesHz } = this.#settings;
    const cut = visited < frequenciesHz.length ? ` of ${frequenciesHz.length}` : '';
    const heard = `${visited}${cut} frequencies listened to, ${this.#found.length} stations with RDS`;
    if (carriers.length > 0) {
      const names = carriers.map(({ frequencyHz }) =>
        frequencyHz === null ? 'the recording' : `${frequencyHz / 1e6} MHz`,
      );
      return `${heard}; updates come on ${names.join(', ')}.\n`;
    }
    const open = this.#found.filter(({ carillon }) => carillon === 'unknown').length;
    if (this.#found.some(({ otherVersion }) => otherVersion))
      return `${heard}; one announces updates in a format that this receiver is too old for.\n`;
    if (open > 0)
      return `${heard}; none is known to carry updates, ${open} could not be told: try --seconds 30, or a better antenna.\n`;
    return `${heard}; none carries updates.\n`;
  }
}

/** Returns the exit status: 0 a station carries updates, 1 failed, 2 wrong usage, 4 none was found. */
export async function runScan(options: ScanOptions, streams: StandardStreams, signal: AbortSignal): Promise<number> {
  const lists = [
    [options.source, SOURCE_FORMS],
    [options.output, OUTPUTS],
  ] as const;
  for (const [value, choices] of lists) {
    if (value !== 'help') continue;
    streams.stdout.write(`${choices.join('\n')}\n`);
    return EXIT.done;
  }
  let tuner: Tuner | undefined;
  const stop = (): void => void tuner?.close();
  try {
    const settings = parseSettings(options);
    tuner = new Tuner(() => makeSource(settings.source, streams.stdin), settings.tuning);
    signal.addEventListener('abort', stop);
    return await new Scan(settings, streams).run(tuner, signal);
  } catch (error) {
    streams.stderr.write(`scan: ${messageOf(error)}\n`);
    return exitOf(error);
  } finally {
    signal.removeEventListener('abort', stop);
    await tuner?.close();
  }
}

export function addScanCommand(program: Command): void {
  addSourceOptions(program.command('scan'))
    .description('find the stations that carry updates')
    .option('--band <from-to>', `from one frequency to another (default ${DEFAULT_BAND})`)
    .option('--step <hz>', `between the frequencies of the band (default ${DEFAULT_STEP})`)
    .option('--list <frequencies>', 'instead: 98.5M,101.1M')
    .option('--seconds <n>', `on a station, at most (default ${DEFAULT_SECONDS})`)
    .option('-o, --output <form>', 'json or text (default text on a terminal)')
    .action(async (options: ScanOptions) => {
      process.exitCode = await untilStopped((signal) => runScan(options, process, signal), { unread: 'stop' });
    });
}
