/**
 * The line to the backend. The gateway dials (no port is open at the station), both sides show a certificate, TLS 1.3. The
 * line may fall at any byte: everything that matters is on disk, and the next connection begins with what is there.
 * Broadcasting never waits for it.
 */

import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { encodeFrame, FrameReader } from '#codec/messages/frame.ts';
import {
  encodeMessage,
  type GatewayMessage,
  type Heartbeat,
  LINK_PROTOCOL,
  parseBackendMessage,
} from '#codec/messages/link.ts';
import { sleepMs } from '#hardware/clock/clock.ts';
import { messageOf } from '#hardware/fault.ts';
import type { Intake } from './intake.ts';
import { isHeld, type JobList } from './jobs.ts';

export interface LinkCredentials {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

export interface LinkOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: LinkCredentials;
  readonly software: string;
  readonly intake: Intake;
  readonly jobs: JobList;
  readonly heartbeat: () => Heartbeat;
  readonly heartbeatMs: number;
  readonly onEvent: (event: string, text: string, facts?: Readonly<Record<string, unknown>>) => void;
  /** Waits before the first and at most before any attempt; each wait is drawn from the upper half of the present one. */
  readonly minWaitMs?: number;
  readonly maxWaitMs?: number;
  readonly random?: () => number;
}

/** What waits for a backend that does not read; beyond it the connection is given up. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** A connection that was not greeted by then is given up. */
const WELCOME_MS = 15_000;

export type LinkState = 'connecting' | 'connected' | 'waiting' | 'closed';

export class Link {
  readonly #options: LinkOptions;
  #state: LinkState = 'waiting';
  #sinceMs = Date.now();
  #connections = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  status(): { readonly state: LinkState; readonly sinceMs: number; readonly connections: number } {
    return { state: this.#state, sinceMs: this.#sinceMs, connections: this.#connections };
  }

  /** Dials again and again until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { minWaitMs = 1000, maxWaitMs = 60_000, random = Math.random, onEvent, host, port } = this.#options;
    let waitMs = minWaitMs;
    while (!signal.aborted) {
      const connection = await this.#connection(signal);
      if (signal.aborted) break;
      waitMs = connection.welcomed ? minWaitMs : Math.min(maxWaitMs, 2 * waitMs);
      const delayMs = waitMs * (0.5 + random() / 2);
      onEvent(
        'link-down',
        `No line to the backend at ${host}:${port} (${connection.reason}); broadcasting goes on, next attempt in ${(delayMs / 1000).toFixed(1)} s.`,
        { reason: connection.reason, waitMs: delayMs },
      );
      this.#enter('waiting');
      await sleepMs(delayMs, signal);
    }
    this.#enter('closed');
  }

  #enter(state: LinkState): void {
    this.#state = state;
    this.#sinceMs = Date.now();
  }

  async #connection(signal: AbortSignal): Promise<{ welcomed: boolean; reason: string }> {
    const { host, port, credentials } = this.#options;
    this.#enter('connecting');
    const socket = connect({
      host,
      port,
      key: credentials.key,
      cert: credentials.certificate,
      ca: credentials.ca,
      minVersion: 'TLSv1.3',
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    const abort = (): void => {
      socket.destroy();
    };
    signal.addEventListener('abort', abort);
    try {
      return await this.#talk(socket);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#options.intake.disconnected();
      socket.destroy();
    }
  }

  async #talk(socket: TLSSocket): Promise<{ welcomed: boolean; reason: string }> {
    const { intake, jobs, software, heartbeat, heartbeatMs, onEvent } = this.#options;
    const reader = new FrameReader();
    let welcomed = false;
    let reason = 'the backend closed the connection';
    let heart: NodeJS.Timeout | undefined;
    const send = (message: GatewayMessage): void => {
      if (socket.destroyed) return;
      if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy(new Error('the backend does not read'));
      else socket.write(encodeFrame(encodeMessage(message)));
    };
    const again = (): void => {
      socket.destroy(new Error('the backend must say again what could not be written down'));
    };
    const greeting = setTimeout(() => socket.destroy(new Error('no welcome came')), WELCOME_MS);
    socket.once('secureConnect', () => {
      const storedJobIds = jobs
        .all()
        .filter(isHeld)
        .map(({ job }) => job.jobId);
      send({ kind: 'hello', protocol: LINK_PROTOCOL, software, storedJobIds });
    });
    try {
      // One message after the other: while one is written to disk the socket is not read.
      for await (const chunk of socket as AsyncIterable<Uint8Array>) {
        const { frames, fault } = reader.push(chunk);
        for (const frame of frames) {
          const parsed = parseBackendMessage(frame);
          if ('fault' in parsed) return { welcomed, reason: `a message could not be understood: ${parsed.fault}` };
          const { message } = parsed;
          if (message.kind === 'error') reason = `the backend says ${message.code}: ${message.text}`;
          if (!welcomed && message.kind === 'welcome') {
            if (message.protocol !== LINK_PROTOCOL)
              return { welcomed, reason: `the backend speaks protocol ${message.protocol}, not ${LINK_PROTOCOL}` };
            welcomed = true;
            clearTimeout(greeting);
            this.#connections++;
            this.#enter('connected');
            intake.connected(send, again);
            heart = setInterval(() => send(heartbeat()), heartbeatMs);
            onEvent('link-up', `Connected to the backend as ${message.gateway}.`, { gateway: message.gateway });
            send(heartbeat());
          } else if (welcomed) {
            await intake.take(message);
          }
        }
        if (fault !== undefined) return { welcomed, reason: `a frame could not be understood: ${fault}` };
      }
      return { welcomed, reason };
    } catch (error) {
      return { welcomed, reason: messageOf(error) };
    } finally {
      clearTimeout(greeting);
      clearInterval(heart);
    }
  }
}
