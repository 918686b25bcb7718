/**
 * The simulated dongle's socket: an rtl_tcp server for one listener at a time, as the real one. A second listener is hung
 * up on without a greeting.
 *
 * A listener that cannot keep up makes `send` wait; one that takes nothing for `stallSeconds` is hung up on.
 */

import { createServer, type Server, type Socket } from 'node:net';
import { COMMAND, CommandReader, encodeGreeting, R820T_GAINS, TUNER_R820T } from '#hardware/rtlsdr/protocol.ts';
import { isDongleRate } from '#hardware/rtlsdr/rates.ts';
import { HardwareError } from '../fault.ts';
import type { Tuning } from './channel.ts';

export interface AirServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly stallSeconds: number;
  /** What a listener hears before it has asked for anything. */
  readonly initial: Tuning;
  readonly onTuning: (tuning: Tuning) => void;
  readonly onEvent: (text: string) => void;
}

export class AirServer {
  #options: AirServerOptions;
  #server: Server;
  #listener: Socket | undefined;
  #tuning: Tuning;
  #waiting: (() => void)[] = [];
  #closed = false;

  private constructor(options: AirServerOptions) {
    this.#options = options;
    this.#tuning = options.initial;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async listen(options: AirServerOptions): Promise<AirServer> {
    const air = new AirServer(options);
    await new Promise<void>((resolve, reject) => {
      air.#server.once('error', (cause) =>
        reject(
          new HardwareError(
            'AIR_PORT',
            `The simulated air cannot listen on ${options.host}:${options.port} (${cause.message}); choose another port.`,
            cause,
          ),
        ),
      );
      air.#server.listen(options.port, options.host, resolve);
    });
    return air;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get hasListener(): boolean {
    return this.#listener !== undefined;
  }

  /** Resolves when somebody has tuned in to something, or the server closes. */
  async tunedIn(): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async send(bytes: Uint8Array): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined || listener.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const stall = setTimeout(() => {
        this.#options.onEvent(`a listener took no samples for ${this.#options.stallSeconds} s and was hung up on`);
        listener.destroy();
      }, this.#options.stallSeconds * 1000);
      const done = (): void => {
        clearTimeout(stall);
        listener.off('drain', done).off('close', done);
        resolve();
      };
      listener.once('drain', done).once('close', done);
    });
  }

  /** A listener gets what was already sent, then the end of the stream. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    const listener = this.#listener;
    if (listener !== undefined) {
      const closed = new Promise<void>((resolve) => listener.once('close', () => resolve()));
      listener.end();
      const forced = setTimeout(() => listener.destroy(), 1000);
      await closed;
      clearTimeout(forced);
    }
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.#listener !== undefined) {
      this.#options.onEvent('a second listener was hung up on: one at a time');
      socket.destroy();
      return;
    }
    this.#listener = socket;
    socket.setNoDelay(true);
    this.#setTuning(this.#options.initial);
    this.#options.onEvent(`listener connected from ${socket.remoteAddress ?? '?'}`);
    socket.write(encodeGreeting(TUNER_R820T, R820T_GAINS));
    const reader = new CommandReader();
    socket.on('data', (chunk: Uint8Array) => {
      for (const { command, value } of reader.push(chunk)) this.#obey(command, value);
    });
    socket.on('close', () => {
      this.#listener = undefined;
      this.#options.onEvent('listener gone');
    });
  }

  /** Gain, level and bias commands are accepted and change nothing: the level is the simulation's. */
  #obey(command: number, value: number): void {
    if (command === COMMAND.frequencyHz) {
      this.#setTuning({ ...this.#tuning, frequencyHz: value });
      this.#wake();
    } else if (command === COMMAND.correctionPpm) {
      this.#setTuning({ ...this.#tuning, correctionPpm: value | 0 });
    } else if (command === COMMAND.rateHz) {
      if (isDongleRate(value) || value === this.#options.initial.rateHz) {
        this.#setTuning({ ...this.#tuning, rateHz: value });
        return;
      }
      // The protocol has no answer: rather than send samples of another rate than was asked for, hang up.
      this.#options.onEvent(`a listener asked for ${value} samples/s, which no RTL2832U can do, and was hung up on`);
      this.#listener?.destroy();
    }
  }

  #setTuning(tuning: Tuning): void {
    this.#tuning = tuning;
    this.#options.onTuning(tuning);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
