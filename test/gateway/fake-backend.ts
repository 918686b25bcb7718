/** A backend for tests: real TLS, real frames, and misbehaviour on request. */

import { once } from 'node:events';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { encodeFrame, FrameReader } from '#codec/messages/frame.ts';
import {
  type BackendMessage,
  encodeMessage,
  type GatewayMessage,
  type Job,
  LINK_PROTOCOL,
  parseGatewayMessage,
  PIECE_BYTES,
} from '#codec/messages/link.ts';
import {
  createAuthority,
  issueGateway,
  issueServer,
  type KeyAndCertificate,
} from '../../backend/certificates/authority.ts';

export interface Pki {
  readonly authority: KeyAndCertificate;
  readonly server: KeyAndCertificate;
  readonly gateway: KeyAndCertificate;
}

export async function newPki(): Promise<Pki> {
  const nowMs = Date.now();
  const authority = await createAuthority(nowMs);
  return {
    authority,
    server: await issueServer(authority, ['localhost', '127.0.0.1'], nowMs),
    gateway: await issueGateway(authority, 'test-gateway', nowMs),
  };
}

export interface Offer {
  readonly job: Job;
  readonly bytes: Uint8Array;
}

export class FakeBackend {
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  readonly heard: GatewayMessage[] = [];
  offers: Offer[] = [];
  /** Cut a connection after so many bytes of pieces, once each. */
  cuts: number[] = [];
  /** Whether a cut only stops the pieces and leaves the connection. */
  stalls = false;
  /** Instead of 'welcome'. */
  greeting: BackendMessage | undefined;
  /** Reads nothing after the hello. */
  isDeaf = false;
  pieceBytes = PIECE_BYTES;
  connections = 0;
  /** Bytes of pieces that were handed to the socket, over all connections. */
  sentBytes = 0;

  private constructor(pki: Pki) {
    this.#server = createServer(
      {
        key: pki.server.key,
        cert: pki.server.certificate,
        ca: pki.authority.certificate,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
      },
      (socket) => {
        this.#serve(socket).catch(() => {});
      },
    );
    this.#server.on('connection', (socket) => socket.on('error', () => {}));
  }

  static async listen(pki: Pki): Promise<FakeBackend> {
    const backend = new FakeBackend(pki);
    await new Promise<void>((resolve) => backend.#server.listen(0, '127.0.0.1', resolve));
    return backend;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  send(message: BackendMessage): void {
    for (const socket of this.#sockets) socket.write(encodeFrame(encodeMessage(message)));
  }

  sendRaw(bytes: Uint8Array): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  receipts(jobId: string): string[] {
    return this.heard.flatMap((message) =>
      message.kind === 'receipt' && message.jobId === jobId ? [message.state] : [],
    );
  }

  async close(): Promise<void> {
    this.dropAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(socket: TLSSocket): Promise<void> {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    const reader = new FrameReader();
    const say = (message: BackendMessage): boolean => socket.write(encodeFrame(encodeMessage(message)));
    for await (const chunk of socket as AsyncIterable<Uint8Array>) {
      for (const frame of reader.push(chunk).frames) {
        const parsed = parseGatewayMessage(frame);
        if ('fault' in parsed) throw new Error(parsed.fault);
        const { message } = parsed;
        this.heard.push(message);
        if (message.kind === 'hello') {
          say(
            this.greeting ?? { kind: 'welcome', protocol: LINK_PROTOCOL, gateway: 'test-gateway', timeMs: Date.now() },
          );
          for (const { job } of this.offers) say(job);
          say({ kind: 'current', jobIds: this.offers.map(({ job }) => job.jobId) });
          if (this.isDeaf) {
            socket.pause();
            await once(socket, 'close');
          }
        } else if (message.kind === 'want') {
          void this.#pieces(socket, message.jobId, message.offsetBytes);
        }
      }
    }
  }

  async #pieces(socket: TLSSocket, jobId: string, from: number): Promise<void> {
    const bytes = this.offers.find(({ job }) => job.jobId === jobId)?.bytes ?? new Uint8Array(0);
    let cutAfter = this.cuts.shift() ?? Number.POSITIVE_INFINITY;
    for (let at = from; at < bytes.length && !socket.destroyed; at += this.pieceBytes) {
      const piece = bytes.subarray(at, at + this.pieceBytes);
      const frame = encodeFrame(encodeMessage({ kind: 'piece', jobId, offsetBytes: at, bytes: piece }));
      // The cut may fall into the middle of a frame.
      const part = frame.subarray(0, Math.min(frame.length, cutAfter));
      cutAfter -= part.length;
      this.sentBytes += part.length;
      await new Promise<void>((resolve) => {
        socket.write(part, () => resolve());
      });
      if (part.length < frame.length || cutAfter <= 0) {
        if (!this.stalls) socket.destroy();
        return;
      }
    }
  }
}
