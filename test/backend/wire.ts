/** The gateway's end of the link, as far as these tests need it. */

import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { encodeFrame, FrameReader } from '../../codec/messages/frame.ts';
import {
  type BackendMessage,
  encodeMessage,
  type GatewayMessage,
  LINK_PROTOCOL,
  parseBackendMessage,
} from '../../codec/messages/link.ts';
import { onTestFinished } from 'vitest';
import type { Bundle } from './stage.ts';

export class GatewayEnd {
  readonly socket: TLSSocket;
  readonly received: BackendMessage[] = [];
  /** Set when the connection is over. */
  closed = false;
  failure: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(port: number, options: ConnectionOptions) {
    this.socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
    onTestFinished(() => void this.socket.destroy());
    const reader = new FrameReader();
    this.socket.on('data', (chunk: Uint8Array) => {
      for (const frame of reader.push(chunk).frames) {
        const parsed = parseBackendMessage(frame);
        if ('fault' in parsed) throw new Error(`the backend sent nonsense: ${parsed.fault}`);
        this.received.push(parsed.message);
      }
      this.#wake();
    });
    this.socket.on('error', (error: Error & { code?: string }) => {
      this.failure = error.code ?? error.message;
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  send(message: GatewayMessage): void {
    this.socket.write(encodeFrame(encodeMessage(message)));
  }

  hello(storedJobIds: string[] = []): void {
    this.send({ kind: 'hello', protocol: LINK_PROTOCOL, software: 'test/1', storedJobIds });
  }

  /** Waits until what was received satisfies `wanted`, or the connection is over. */
  async until<T>(wanted: (received: readonly BackendMessage[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = wanted(this.received);
      if (found !== undefined) return found;
      if (this.closed) throw new Error(`closed (${this.failure}) after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The next message of a kind that was not taken yet. */
  async next<K extends BackendMessage['kind']>(kind: K): Promise<Extract<BackendMessage, { kind: K }>> {
    const index = await this.until((received) => {
      const at = received.findIndex((message) => message.kind === kind);
      return at < 0 ? undefined : at;
    });
    const [message] = this.received.splice(index, 1);
    return message as Extract<BackendMessage, { kind: K }>;
  }

  async end(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

export function dial(port: number, bundle: Bundle, options: ConnectionOptions = {}): GatewayEnd {
  return new GatewayEnd(port, { ...bundle, ...options });
}
