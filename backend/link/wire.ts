/** A TLS socket as a wire of messages: frames in, frames out, back pressure both ways, and a close that says why. */

import type { TLSSocket } from 'node:tls';
import { encodeFrame, FrameReader } from '#codec/messages/frame.ts';
import { type BackendMessage, encodeMessage, type GatewayMessage, parseGatewayMessage } from '#codec/messages/link.ts';
import type { LinkCounts, LinkEvent } from './counts.ts';
import type { Wire } from './session.ts';

/** Time for the error message to leave before the socket is destroyed. */
const LINGER_MS = 1000;

export class SocketWire implements Wire {
  readonly #socket: TLSSocket;
  readonly #counts: LinkCounts;
  /** The socket's own timer is also kept alive by writing; hearing is what counts. */
  readonly #idle: NodeJS.Timeout;
  #failed = false;

  constructor(socket: TLSSocket, counts: LinkCounts, idleMs: number) {
    this.#socket = socket;
    this.#counts = counts;
    this.#idle = setTimeout(() => this.fail('idle', `Nothing was heard for ${idleMs / 1000} s.`), idleMs);
    socket.once('close', () => clearTimeout(this.#idle));
  }

  send(message: BackendMessage): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      // A socket that is gone swallows what is sent: its session is being closed anyway.
      if (this.#failed || socket.destroyed || socket.writableEnded) return resolve();
      if (socket.write(encodeFrame(encodeMessage(message)))) return resolve();
      const done = (): void => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
    });
  }

  /** Throws away what still arrives, so that the other side can finish. */
  drain(): void {
    this.#socket.resume();
  }

  fail(event: LinkEvent, text: string): void {
    if (this.#failed || this.#socket.destroyed) return;
    this.#failed = true;
    this.#counts.add(event);
    this.#socket.end(encodeFrame(encodeMessage({ kind: 'error', code: event, text })));
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Hands every message to `handle`, one at a time, until the connection ends or fails. */
  async read(handle: (message: GatewayMessage) => Promise<void>): Promise<void> {
    const reader = new FrameReader();
    // Destroying the socket would take the error message with it that `fail` has just written.
    const chunks: AsyncIterable<Uint8Array> = this.#socket.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      if (this.#failed) return;
      this.#idle.refresh();
      const { frames, fault } = reader.push(chunk);
      for (const frame of frames) {
        const parsed = parseGatewayMessage(frame);
        if ('fault' in parsed)
          return this.fail(
            parsed.fault,
            `A message could not be understood (${parsed.fault}). The connection is closed.`,
          );
        await handle(parsed.message);
        if (this.#failed) return;
      }
      if (fault !== undefined)
        return this.fail(fault, `A frame could not be understood (${fault}). The connection is closed.`);
    }
  }
}
