/**
 * A dongle through the program `rtl_sdr` (Debian package rtl-sdr), which writes its samples to a pipe. What it says on stderr
 * is for people; the sentences looked for here are those of rtl_sdr.c, convenience.c and librtlsdr.c of osmocom's rtl-sdr,
 * versions 0.6.0 to 2.0.2.
 *
 * Memory: the pipe's buffers of 64 kB each. While the caller is busy the pipe is full, rtl_sdr waits, and after some seconds the
 * dongle loses samples; rtl_sdr does not say so.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import { HardwareError, messageOf, systemCodeOf } from '../fault.ts';
import { DONGLE_RATES, isDongleRate } from './rates.ts';
import { SampleStream } from './samples.ts';

export interface RtlSdrOptions {
  /** Name or path of the program. */
  readonly program?: string;
  /** Number of the dongle, or its serial number; the first when absent. */
  readonly device?: number | string;
  /** Power for an amplifier at the antenna: `-T`, which osmocom's rtl_sdr lacks and the RTL-SDR Blog's has. */
  readonly biasTee?: boolean;
  /** How long to wait for the first samples. */
  readonly startSeconds?: number;
  /** A dongle that gives nothing for this long is gone. */
  readonly silenceSeconds?: number;
  /** From asking it to end to ending it. */
  readonly killSeconds?: number;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** How long the last lines of stderr may take after the samples that follow them, or after the end. */
const REPORT_MS = 250;
/** Of stderr, for messages. */
const LINES_KEPT = 20;
const LINE_LENGTH = 200;

/** What the program says when it fails; the first that is found counts. */
const FAILURES: readonly [says: RegExp, code: string, sentence: string][] = [
  [/invalid option -- '?T/, 'RTL_SDR_OPTION', 'has no option for the bias tee (-T); run rtl_biast -b 1 before instead'],
  [/invalid option|^Usage:/m, 'RTL_SDR_OPTION', 'did not understand its options'],
  [/No (supported|matching) devices found/, 'RTL_SDR_ABSENT', 'found no such dongle; is it plugged in?'],
  [/usb_open error -4/, 'RTL_SDR_ABSENT', 'lost the dongle while opening it; is it plugged in well?'],
  [
    /usb_open error -3|fix the device permissions/,
    'RTL_SDR_DENIED',
    'may not open the dongle; install the udev rules (rtl-sdr.rules) and plug it in again',
  ],
  [
    /usb_claim_interface error|Kernel driver is active|claimed by second instance/,
    'RTL_SDR_CLAIMED',
    'cannot have the dongle: another program uses it, or the kernel driver dvb_usb_rtl28xxu (blacklist it)',
  ],
  [/Failed to open rtlsdr device/, 'RTL_SDR_OPEN', 'could not open the dongle'],
  [/Failed to set sample rate|Invalid sample rate/, 'RTL_SDR_RATE', 'could not set the sample rate'],
];

export class RtlSdrSource implements IqSource {
  readonly #options: RtlSdrOptions;
  readonly #program: string;
  #child: Child | undefined;
  #samples: SampleStream | undefined;
  #said = '';
  #exited: Promise<void> = Promise.resolve();
  #exitText = '';
  #closed = false;

  constructor(options: RtlSdrOptions = {}) {
    this.#options = options;
    this.#program = options.program ?? 'rtl_sdr';
  }

  async open(request: TuneRequest): Promise<Tuned> {
    const rateHz = Math.round(request.rateHz);
    if (!isDongleRate(rateHz))
      throw new HardwareError('RTL_SDR_RATE', `A dongle has no ${rateHz} samples/s; take ${DONGLE_RATES}.`);
    const child = spawn(this.#program, this.#arguments(request), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#follow(child);
    try {
      await this.#started(child);
      this.#samples = await this.#firstSamples(child);
      if (/Failed to set (sample rate|center freq)/.test(this.#said)) throw this.#failure('did not do what was asked');
      return this.#tuned(request);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Always whole samples (an even number of bytes). */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const samples = this.#samples;
    if (samples === undefined) throw new HardwareError('RTL_SDR_NOT_OPEN', 'Open the dongle before listening to it.');
    const silenceSeconds = this.#options.silenceSeconds ?? 15;
    while (!this.#closed) {
      const bytes = samples.take();
      if (bytes !== null) {
        if (bytes.length > 0) yield bytes;
        continue;
      }
      const what = await samples.waitMs(silenceSeconds * 1000);
      if (this.#closed || what === 'more') continue;
      if (what === 'silent') throw this.#gone(`gave nothing for ${silenceSeconds} s`);
      // Ctrl-C in a terminal reaches the program and us; whoever was told to stop closes meanwhile.
      await within(REPORT_MS, this.#exited);
      if (this.#closed) return;
      throw this.#gone(this.#exitText === '' ? 'ended the stream' : this.#exitText);
    }
  }

  /** Asks the program to end, and ends it when it does not. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === undefined) return;
    // The signal before the pipe: an orderly end is no broken pipe.
    child.kill('SIGTERM');
    child.stdout.destroy();
    const killer = setTimeout(() => child.kill('SIGKILL'), (this.#options.killSeconds ?? 2) * 1000);
    await this.#exited;
    clearTimeout(killer);
    child.stderr.destroy();
  }

  #arguments({ frequencyHz, rateHz, gainDb, correctionPpm }: TuneRequest): string[] {
    const { device, biasTee } = this.#options;
    // 0 is automatic: the least that is not, of which the tuner takes its nearest.
    const gain = gainDb === 'auto' ? 0 : Math.abs(gainDb) < 0.1 ? 0.1 : gainDb;
    return [
      ...['-f', `${Math.round(frequencyHz)}`, '-s', `${Math.round(rateHz)}`],
      ...['-g', `${gain}`, '-p', `${Math.round(correctionPpm)}`],
      ...(device === undefined ? [] : ['-d', `${device}`]),
      ...(biasTee === true ? ['-T'] : []),
      '-',
    ];
  }

  #follow(child: Child): void {
    child.stderr.on('data', (chunk: Buffer) => {
      // What is asked for stands at the beginning and at the end; a program that never stops talking takes no memory.
      this.#said += chunk.toString('latin1').replaceAll(/[^\n\x20-\x7e]/g, ' ');
      const lines = this.#said.split('\n');
      if (lines.length <= 2 * LINES_KEPT && this.#said.length <= 2 * LINES_KEPT * LINE_LENGTH) return;
      this.#said = [...lines.slice(0, LINES_KEPT), ...lines.slice(LINES_KEPT).slice(-LINES_KEPT)]
        .map((line) => line.slice(0, LINE_LENGTH))
        .join('\n');
    });
    child.stderr.on('error', () => {});
    child.stdout.on('error', () => {});
    // When a program ends, Node lets a stream that nobody listens to run dry (flushStdio): what was not read yet would be lost.
    child.stdout.on('readable', () => {});
    this.#exited = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        this.#exitText = signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
        resolve();
      });
      // Not started: there is no exit.
      child.once('error', () => {
        if (child.pid === undefined) resolve();
      });
    });
  }

  async #started(child: Child): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => {
        const code = systemCodeOf(cause);
        const why = code === 'ENOENT' ? 'it is not installed (Debian: apt-get install rtl-sdr)' : messageOf(cause);
        reject(new HardwareError('RTL_SDR_MISSING', `The program ${this.#program} cannot be started: ${why}.`, cause));
      });
    });
  }

  /** Waits for samples, and for what is said before them. */
  async #firstSamples(child: Child): Promise<SampleStream> {
    const startSeconds = this.#options.startSeconds ?? 10;
    const stdout = new SampleStream(child.stdout);
    const endMs = performance.now() + startSeconds * 1000;
    for (;;) {
      const bytes = stdout.take();
      if (bytes !== null && bytes.length > 0) {
        stdout.putBack(bytes);
        await this.#hasSaid(/^Reading samples/m, child);
        return stdout;
      }
      const what = bytes === null ? await stdout.waitMs(Math.max(0, endMs - performance.now())) : 'more';
      if (this.#closed) throw new HardwareError('RTL_SDR_GONE', `${this.#program} was closed while it started.`);
      if (what === 'ended') {
        await within(REPORT_MS, this.#exited);
        // stderr may come after the exit.
        await within(REPORT_MS, ended(child.stderr));
        throw this.#failure(this.#exitText === '' ? 'ended at once' : this.#exitText);
      }
      if (what === 'silent')
        throw new HardwareError(
          'RTL_SDR_SILENT',
          `${this.#program} gave no samples within ${startSeconds} s${this.#last()}.`,
        );
    }
  }

  async #hasSaid(text: RegExp, child: Child): Promise<void> {
    const endMs = performance.now() + REPORT_MS;
    while (!text.test(this.#said) && performance.now() < endMs && !child.stderr.readableEnded) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #tuned(request: TuneRequest): Tuned {
    const exactRateHz = Number(
      /^Exact sample rate is: ([\d.]+) Hz/m.exec(this.#said)?.[1] ?? Math.round(request.rateHz),
    );
    const frequencyHz = Number(/^Tuned to (\d+) Hz/m.exec(this.#said)?.[1] ?? Math.round(request.frequencyHz));
    const device = /^Using device (\d+: .+)$/m.exec(this.#said)?.[1]?.trim();
    const tuner = /^Found (?:Rafael Micro |Elonics |Fitipower |FCI )?(.+) tuner$/m.exec(this.#said)?.[1];
    return {
      frequencyHz,
      // To the millihertz: librtlsdr prints 250000.000414 for 250,000.
      rateHz: Math.round(exactRateHz * 1000) / 1000,
      format: 'cu8',
      description: [tuner, device === undefined ? undefined : `device ${device}`, `by ${this.#program}`]
        .filter((part) => part !== undefined)
        .join(', '),
    };
  }

  #failure(otherwise: string): HardwareError {
    const found = FAILURES.find(([says]) => says.test(this.#said));
    if (found === undefined) return this.#gone(otherwise);
    const [says, code, sentence] = found;
    const line = this.#said.split('\n').find((line) => says.test(line)) ?? '';
    return new HardwareError(code, `${this.#program} ${sentence}${quoted(line)}.`);
  }

  #gone(what: string): HardwareError {
    return new HardwareError('RTL_SDR_GONE', `The dongle is gone: ${this.#program} ${what}${this.#last()}.`);
  }

  /** The last thing it said. */
  #last(): string {
    return quoted(this.#said.trim().split('\n').at(-1) ?? '');
  }
}

function quoted(line: string): string {
  const text = line.trim().slice(0, LINE_LENGTH);
  return text === '' ? '' : ` ("${text}")`;
}

async function within(ms: number, event: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([event, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

async function ended(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once('close', () => resolve()).once('end', () => resolve()));
}
