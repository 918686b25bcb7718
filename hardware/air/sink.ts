/**
 * The simulated air: takes the station's IQ and serves what one dongle at one place makes of it as an rtl_tcp server, so
 * that a receiver uses the client it uses with a real dongle.
 *
 * Time goes by at `speed` times the wall clock. Without a listener the samples are gone, as on real air, and time goes
 * on. A listener that cannot keep up holds the time still instead of losing samples: what a slow machine shows is then
 * slower, not worse. Held-up time is not made up for.
 */

import { type FileHandle, open } from 'node:fs/promises';
import type { IqSink } from '#hardware/contracts.ts';
import { type AirCounts, Channel, type ChannelOptions } from './channel.ts';
import { AirServer } from './server.ts';

export interface AirOptions extends ChannelOptions {
  readonly host?: string;
  readonly port: number;
  /** Times the wall clock; 0 for as fast as it goes. */
  readonly speed: number;
  /** The station's signal does not begin before somebody listens. */
  readonly waitForListener?: boolean;
  /** Also write everything a listener would hear to this .cu8 file. */
  readonly savePath?: string;
  readonly stallSeconds?: number;
  readonly onEvent?: (text: string) => void;
  readonly wall?: Wall;
}

/** The wall clock, for tests that do not sleep. */
export interface Wall {
  nowMs(): number;
  sleepMs(ms: number): Promise<void>;
}

const REAL_WALL: Wall = {
  nowMs: () => performance.now(),
  // A zero sleep still lets sockets and timers have their turn.
  sleepMs: async (ms) => {
    await new Promise<void>((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)));
  },
};

/** Shorter sleeps than this are not worth a timer. */
const MIN_SLEEP_MS = 4;
/** Behind by more than this, the clock is set anew. */
const MAX_BEHIND_MS = 500;

export class AirSink implements IqSink {
  readonly rateHz: number;
  #channel: Channel;
  #speed: number;
  #wall: Wall;
  #waitForListener: boolean;
  #server: AirServer;
  #file: FileHandle | undefined;
  #samples = 0;
  /** Wall time at which sample 0 was, or would have been, written. */
  #zeroMs: number | undefined;

  private constructor(options: AirOptions, channel: Channel, server: AirServer, file: FileHandle | undefined) {
    this.rateHz = options.stationRateHz;
    this.#channel = channel;
    this.#speed = options.speed;
    this.#wall = options.wall ?? REAL_WALL;
    this.#waitForListener = options.waitForListener ?? false;
    this.#server = server;
    this.#file = file;
  }

  static async open(options: AirOptions): Promise<AirSink> {
    const channel = new Channel(options);
    const file = options.savePath === undefined ? undefined : await open(options.savePath, 'w');
    try {
      const server = await AirServer.listen({
        host: options.host ?? '127.0.0.1',
        port: options.port,
        stallSeconds: options.stallSeconds ?? 60,
        initial: channel.tuning,
        onTuning: (tuning) => channel.tune(tuning),
        onEvent: options.onEvent ?? (() => {}),
      });
      return new AirSink(options, channel, server, file);
    } catch (error) {
      await file?.close();
      throw error;
    }
  }

  get port(): number {
    return this.#server.port;
  }

  get hasListener(): boolean {
    return this.#server.hasListener;
  }

  counts(): AirCounts {
    return this.#channel.counts();
  }

  async write(samples: Float32Array): Promise<void> {
    if (this.#waitForListener) {
      await this.#server.tunedIn();
      this.#waitForListener = false;
    }
    if (this.#server.hasListener || this.#file !== undefined) {
      const bytes = this.#channel.process(samples);
      await this.#file?.write(bytes);
      await this.#server.send(bytes);
    } else {
      this.#channel.skip(samples);
    }
    this.#samples += samples.length / 2;
    await this.#pace();
  }

  /** Also ends a `write` that waits for a listener. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await this.#server.close();
    await file?.close();
  }

  async #pace(): Promise<void> {
    if (this.#speed === 0) {
      await this.#wall.sleepMs(0);
      return;
    }
    const nowMs = this.#wall.nowMs();
    const signalMs = (this.#samples / this.rateHz / this.#speed) * 1000;
    this.#zeroMs ??= nowMs - signalMs;
    const aheadMs = this.#zeroMs + signalMs - nowMs;
    if (aheadMs < -MAX_BEHIND_MS) this.#zeroMs = nowMs - signalMs;
    await this.#wall.sleepMs(aheadMs > MIN_SLEEP_MS ? aheadMs : 0);
  }
}
