/**
 * A dongle behind rtl_tcp: a real one, or the simulated air. When the connection ends, `chunks` throws; whoever wants the
 * samples back opens a new source (they are cheap and keep nothing).
 *
 * The protocol has no answers: what `open` returns is what was asked for, in whole Hz and ppm, as librtlsdr rounds them. What
 * librtlsdr would not do is refused here. A gain is taken as it is: the tuner has the nearest it can.
 */

import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import { HardwareError, messageOf, systemCodeOf } from '../fault.ts';
import { beginsGreeting, COMMAND, encodeCommand, GREETING_BYTES, type Greeting, parseGreeting } from './protocol.ts';
import { DONGLE_RATES, isDongleRate, USB_BUFFER_BYTES } from './rates.ts';
import { SampleStream } from './samples.ts';

export interface RtlTcpOptions {
  readonly host: string;
  readonly port: number;
  /** Power for an amplifier at the antenna; absent leaves it as rtl_tcp was started (its option -T). */
  readonly biasTee?: boolean;
  /** How long to wait for the connection and the greeting. */
  readonly greetingSeconds?: number;
  /** A dongle that sends nothing for this long is gone. */
  readonly silenceSeconds?: number;
  /** Bytes kept here while the caller is busy; beyond it the socket is not read. */
  readonly queueBytes?: number;
}

const DEFAULT_QUEUE_BYTES = 1024 * 1024;

/**
 * After a change of frequency these are thrown away: first what stands in the sockets, which is gone when nothing has come for
 * QUIET_MS, or no more within WINDOW_MS than a dongle makes in 1.5 times that time, or PIPE_BYTES have come (more than Linux
 * keeps for a connection by default, tcp_rmem and tcp_wmem together, and our queue). Then the buffer that librtlsdr was
 * filling, which is old and new, and SETTLE_SECONDS for the command to arrive and the tuner's oscillator to settle. At 250,000
 * samples/s and with a caller who keeps up this is 0.7 s.
 */
const QUIET_MS = 50;
const WINDOW_MS = 100;
const WINDOW_EXCESS = 1.5;
const PIPE_BYTES = 16 * 1024 * 1024;
const SETTLE_SECONDS = 0.1;

/** Samples of an earlier frequency. */
interface Stale {
  /** The most that the sockets may still have. */
  pipeBytes: number;
  dongleBytes: number;
  windowStartMs: number;
  windowBytes: number;
}

/** `HOST:PORT`, `HOST` (port 1234) or `[IPv6]:PORT`. */
export function parseRtlTcpAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3] ?? 1234);
  return port >= 1 && port <= 65_535 ? { host: match[1] ?? match[2] ?? '', port } : undefined;
}

export class RtlTcpSource implements IqSource {
  #options: RtlTcpOptions;
  #where: string;
  #socket: Socket | undefined;
  #closed = false;
  #fault: Error | undefined;
  #samples: SampleStream | undefined;
  #tuned: Tuned | undefined;
  /** Undefined when what comes is of the present frequency. */
  #stale: Stale | undefined;

  constructor(options: RtlTcpOptions) {
    this.#options = options;
    this.#where = `${options.host}:${options.port}`;
  }

  async open(request: TuneRequest): Promise<Tuned> {
    const { host, port, queueBytes, biasTee } = this.#options;
    const rateHz = Math.round(request.rateHz);
    if (!isDongleRate(rateHz))
      throw new HardwareError('RTL_TCP_RATE', `A dongle has no ${rateHz} samples/s; take ${DONGLE_RATES}.`);
    const options: TcpNetConnectOpts & { readableHighWaterMark: number } = {
      host,
      port,
      readableHighWaterMark: queueBytes ?? DEFAULT_QUEUE_BYTES,
    };
    const socket = connect(options);
    this.#socket = socket;
    socket.on('error', (cause) => {
      this.#fault = cause;
    });
    const { greeting, rest } = await this.#greeting(socket);
    this.#samples = new SampleStream(socket, rest);
    const tuned: Tuned = {
      frequencyHz: Math.round(request.frequencyHz),
      rateHz,
      format: 'cu8',
      description: `${greeting.tunerName} at ${this.#where}`,
    };
    this.#tuned = tuned;
    const manual = request.gainDb !== 'auto';
    socket.setNoDelay(true);
    socket.write(encodeCommand(COMMAND.rateHz, tuned.rateHz));
    socket.write(encodeCommand(COMMAND.correctionPpm, Math.round(request.correctionPpm)));
    // The mode first: going to manual sets a gain of the tuner's own.
    socket.write(encodeCommand(COMMAND.gainMode, manual ? 1 : 0));
    if (request.gainDb !== 'auto') socket.write(encodeCommand(COMMAND.gain, Math.round(request.gainDb * 10)));
    socket.write(encodeCommand(COMMAND.automaticLevel, 0));
    if (biasTee !== undefined) socket.write(encodeCommand(COMMAND.biasTee, biasTee ? 1 : 0));
    // Last: until now the samples are not what was asked for.
    socket.write(encodeCommand(COMMAND.frequencyHz, tuned.frequencyHz));
    return tuned;
  }

  /** A real rtl_tcp takes seconds to let a client in again: this is for going through a band. */
  async retune(frequencyHz: number): Promise<Tuned> {
    const [socket, tuned] = [this.#socket, this.#tuned];
    if (socket === undefined || tuned === undefined) throw this.#notOpen();
    const dongleBytes = USB_BUFFER_BYTES + 2 * Math.ceil(SETTLE_SECONDS * tuned.rateHz);
    this.#stale = { pipeBytes: PIPE_BYTES, dongleBytes, windowStartMs: performance.now(), windowBytes: 0 };
    this.#tuned = { ...tuned, frequencyHz: Math.round(frequencyHz) };
    socket.write(encodeCommand(COMMAND.frequencyHz, this.#tuned.frequencyHz));
    return this.#tuned;
  }

  /** Always whole samples (an even number of bytes). */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const samples = this.#samples;
    if (samples === undefined) throw this.#notOpen();
    const silenceSeconds = this.#options.silenceSeconds ?? 15;
    while (!this.#closed) {
      const bytes = samples.take();
      if (bytes !== null) {
        const fresh = this.#freshOf(bytes);
        if (fresh.length > 0) yield fresh;
        continue;
      }
      const stale = this.#stale;
      const isDraining = stale !== undefined && stale.pipeBytes > 0;
      const what = await samples.waitMs(isDraining ? QUIET_MS : silenceSeconds * 1000);
      if (this.#closed || what === 'more') continue;
      if (what === 'ended') throw this.#gone(this.#howItEnded());
      // Nothing for a while: what the sockets had is gone.
      if (isDraining) stale.pipeBytes = 0;
      else throw this.#gone(`sent nothing for ${silenceSeconds} s`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.destroy();
    await closed;
  }

  #freshOf(bytes: Uint8Array): Uint8Array {
    const stale = this.#stale;
    if (stale === undefined) return bytes;
    const fromPipe = Math.min(bytes.length, stale.pipeBytes);
    const fromDongle = Math.min(bytes.length - fromPipe, stale.dongleBytes);
    stale.pipeBytes -= fromPipe;
    stale.dongleBytes -= fromDongle;
    if (stale.dongleBytes === 0) this.#stale = undefined;
    else if (fromPipe > 0) this.#watchPipe(stale, fromPipe);
    return bytes.subarray(fromPipe + fromDongle);
  }

  /** Samples that come no faster than they are made were not waiting anywhere. */
  #watchPipe(stale: Stale, bytes: number): void {
    stale.windowBytes += bytes;
    const nowMs = performance.now();
    const windowMs = nowMs - stale.windowStartMs;
    if (windowMs < WINDOW_MS) return;
    const bytesPerMs = (2 * (this.#tuned?.rateHz ?? 0)) / 1000;
    if (stale.windowBytes <= WINDOW_EXCESS * bytesPerMs * windowMs) stale.pipeBytes = 0;
    stale.windowStartMs = nowMs;
    stale.windowBytes = 0;
  }

  async #greeting(socket: Socket): Promise<{ greeting: Greeting; rest?: Uint8Array }> {
    return await new Promise((resolve, reject) => {
      let received = Buffer.alloc(0);
      const fail = (code: string, text: string, cause?: unknown): void => {
        settle();
        socket.destroy();
        reject(new HardwareError(code, text, cause));
      };
      const onReadable = (): void => {
        for (let read: Buffer | null = socket.read(); read !== null; read = socket.read())
          received = Buffer.concat([received, read]);
        if (received.length < GREETING_BYTES && beginsGreeting(received)) return;
        const greeting = parseGreeting(received);
        if (greeting === undefined) {
          fail(
            'RTL_TCP_GREETING',
            `${this.#where} answers, but not as rtl_tcp (it began with ${received.subarray(0, 4).toString('hex')}); check the port.`,
          );
          return;
        }
        settle();
        const rest = received.subarray(GREETING_BYTES);
        resolve(rest.length > 0 ? { greeting, rest } : { greeting });
      };
      const onError = (cause: Error): void => fail(...this.#unreachable(cause));
      const onEnd = (): void =>
        fail(
          'RTL_TCP_CLAIMED',
          `${this.#where} hung up before its greeting: the dongle is probably in use by another program.`,
        );
      const greetingSeconds = this.#options.greetingSeconds ?? 5;
      const timer = setTimeout(() => {
        fail(
          'RTL_TCP_SILENT',
          `${this.#where} sent no rtl_tcp greeting within ${greetingSeconds} s: another program may be connected to it, or it is something else.`,
        );
      }, greetingSeconds * 1000);
      const settle = (): void => {
        clearTimeout(timer);
        socket.off('readable', onReadable).off('error', onError).off('end', onEnd).off('close', onEnd);
      };
      socket.on('readable', onReadable).on('error', onError).on('end', onEnd).on('close', onEnd);
    });
  }

  #unreachable(cause: Error): [code: string, text: string, cause: Error] {
    const code = systemCodeOf(cause);
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
      return ['RTL_TCP_NAME', `There is no host named ${this.#options.host} to be found; check the name.`, cause];
    const why = code === 'ECONNREFUSED' ? 'nobody listens there' : messageOf(cause);
    return ['RTL_TCP_CONNECT', `No connection to rtl_tcp at ${this.#where}: ${why}. Is it running?`, cause];
  }

  #howItEnded(): string {
    return this.#fault === undefined ? 'ended the stream' : `failed (${this.#fault.message})`;
  }

  #notOpen(): HardwareError {
    return new HardwareError('RTL_TCP_NOT_OPEN', 'Open the dongle before listening to it.');
  }

  #gone(reason: string): HardwareError {
    this.#socket?.destroy();
    return new HardwareError('RTL_TCP_GONE', `The dongle at ${this.#where} is gone: it ${reason}.`, this.#fault);
  }
}
