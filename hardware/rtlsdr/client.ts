/**
 * A dongle behind rtl_tcp: a real one, or the simulated air. When the connection ends, `chunks` throws; whoever wants the
 * samples back opens a new source (they are cheap and keep nothing).
 *
 * The protocol has no answers: what `open` returns is what was asked for, in whole Hz and ppm, as librtlsdr rounds them.
 */

import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import { HardwareError } from '../fault.ts';
import { COMMAND, encodeCommand, GREETING_BYTES, type Greeting, parseGreeting } from './protocol.ts';

export interface RtlTcpOptions {
  readonly host: string;
  readonly port: number;
  /** How long to wait for the connection and the greeting. */
  readonly greetingSeconds?: number;
  /** A dongle that sends nothing for this long is gone. */
  readonly silenceSeconds?: number;
  /** Bytes kept here while the caller is busy; beyond it the socket is not read. */
  readonly queueBytes?: number;
}

const DEFAULT_QUEUE_BYTES = 1024 * 1024;

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
  /** What followed the greeting in the same packet. */
  #early: Uint8Array | undefined;

  constructor(options: RtlTcpOptions) {
    this.#options = options;
    this.#where = `${options.host}:${options.port}`;
  }

  async open(request: TuneRequest): Promise<Tuned> {
    const { host, port, queueBytes } = this.#options;
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
    const greeting = await this.#greeting(socket);
    const tuned: Tuned = {
      frequencyHz: Math.round(request.frequencyHz),
      rateHz: Math.round(request.rateHz),
      format: 'cu8',
      description: `${greeting.tunerName} at ${this.#where}`,
    };
    const manual = request.gainDb !== 'auto';
    socket.setNoDelay(true);
    socket.write(encodeCommand(COMMAND.rateHz, tuned.rateHz));
    socket.write(encodeCommand(COMMAND.correctionPpm, Math.round(request.correctionPpm)));
    socket.write(encodeCommand(COMMAND.gainMode, manual ? 1 : 0));
    if (request.gainDb !== 'auto') socket.write(encodeCommand(COMMAND.gain, Math.round(request.gainDb * 10)));
    socket.write(encodeCommand(COMMAND.automaticLevel, 0));
    // Last: until now the samples are not what was asked for.
    socket.write(encodeCommand(COMMAND.frequencyHz, tuned.frequencyHz));
    return tuned;
  }

  /** Always whole samples (an even number of bytes). */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const socket = this.#socket;
    if (socket === undefined) throw new HardwareError('RTL_TCP_NOT_OPEN', 'Open the dongle before listening to it.');
    let carry: Uint8Array | undefined;
    let read: Uint8Array | null = this.#early ?? null;
    this.#early = undefined;
    for (;;) {
      if (read === null) {
        const reason = await this.#readable(socket);
        if (this.#closed) return;
        if (reason !== undefined) throw this.#gone(reason);
      } else {
        const bytes: Uint8Array = carry === undefined ? read : Buffer.concat([carry, read]);
        const whole = bytes.length & ~1;
        carry = whole < bytes.length ? bytes.subarray(whole) : undefined;
        if (whole > 0) yield bytes.subarray(0, whole);
        if (this.#closed) return;
      }
      read = socket.read() as Uint8Array | null;
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

  async #greeting(socket: Socket): Promise<Greeting> {
    return await new Promise<Greeting>((resolve, reject) => {
      let received = Buffer.alloc(0);
      const fail = (code: string, text: string, cause?: unknown): void => {
        settle();
        socket.destroy();
        reject(new HardwareError(code, text, cause));
      };
      const onReadable = (): void => {
        for (let read: Buffer | null = socket.read(); read !== null; read = socket.read())
          received = Buffer.concat([received, read]);
        if (received.length < GREETING_BYTES) return;
        const greeting = parseGreeting(received);
        if (greeting === undefined) {
          fail(
            'RTL_TCP_GREETING',
            `${this.#where} answers, but not as rtl_tcp (it began with ${received.subarray(0, 4).toString('hex')}); check the port.`,
          );
          return;
        }
        if (received.length > GREETING_BYTES) this.#early = received.subarray(GREETING_BYTES);
        settle();
        resolve(greeting);
      };
      const onError = (cause: Error): void =>
        fail('RTL_TCP_CONNECT', `No connection to rtl_tcp at ${this.#where} (${cause.message}); is it running?`, cause);
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

  /** Waits for samples; says why there will be none. */
  async #readable(socket: Socket): Promise<string | undefined> {
    const ended = (): string => (this.#fault === undefined ? 'ended the stream' : `failed (${this.#fault.message})`);
    if (socket.destroyed || socket.readableEnded) return ended();
    const silenceSeconds = this.#options.silenceSeconds ?? 15;
    return await new Promise<string | undefined>((resolve) => {
      const settle = (reason?: string): void => {
        clearTimeout(timer);
        socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
        resolve(reason);
      };
      const onReadable = (): void => settle();
      const onEnd = (): void => settle(ended());
      const timer = setTimeout(() => settle(`sent nothing for ${silenceSeconds} s`), silenceSeconds * 1000);
      socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd);
    });
  }

  #gone(reason: string): HardwareError {
    this.#socket?.destroy();
    return new HardwareError('RTL_TCP_GONE', `The dongle at ${this.#where} is gone: it ${reason}.`, this.#fault);
  }
}
