/**
 * Where gateways connect: TLS 1.3, both sides with a certificate of our authority, and the gateway's certificate in the
 * database. At most one connection a gateway: the newest wins, because the older one may be a dead line.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Backend } from '../backend.ts';
import { LinkCounts } from './counts.ts';
import type { KnownGateway } from './evidence.ts';
import { Session } from './session.ts';
import { SocketWire } from './wire.ts';

export interface LinkOptions {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
  readonly host: string;
  readonly port: number;
  /** Heartbeats come every 10 s; after this long without one the line is dead. */
  readonly idleMs: number;
  readonly log: Logger;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 1000;

export class LinkServer {
  readonly #backend: Backend;
  readonly #options: LinkOptions;
  readonly #server: Server;
  readonly #counts = new LinkCounts();
  /** By gateway id; only those that said hello. */
  readonly #sessions = new Map<string, Session>();
  readonly #sockets = new Set<TLSSocket>();

  constructor(backend: Backend, options: LinkOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#server = createServer(
      {
        key: options.key,
        cert: options.certificate,
        ca: options.ca,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 10_000,
      },
      (socket) => void this.#serve(socket),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('tlsClientError', (error) => {
      this.#counts.add('handshake-failed');
      options.log.warn({ reason: error.message }, 'link: handshake refused');
    });
  }

  /** The port that it really listens on. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  isConnected(gatewayId: string): boolean {
    return this.#sessions.has(gatewayId);
  }

  counts(): Record<string, number> {
    return this.#counts.all();
  }

  /** Tells every connected gateway what changed, and leaves those that were revoked. */
  async reconcile(): Promise<void> {
    if (this.#sessions.size === 0) return;
    const revoked = await this.#backend.store
      .selectFrom('gateway')
      .select('id')
      .where('revokedMs', 'is not', null)
      .execute();
    for (const { id } of revoked) this.#sessions.get(id)?.fail('gateway-revoked', 'This gateway was revoked.');
    // A gateway that does not read must not hold up the others.
    for (const session of this.#sessions.values())
      session.reconcile().catch((error: unknown) => {
        this.#options.log.error({ err: error, gateway: session.gateway.name }, 'link: could not tell a gateway');
        session.fail('internal', 'The backend could not list the jobs. Connect again.');
      });
  }

  async #serve(socket: TLSSocket): Promise<void> {
    const { log, idleMs } = this.#options;
    const wire = new SocketWire(socket, this.#counts, idleMs);
    let session: Session | undefined;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => log.info({ reason: error.message }, 'link: connection broke'));
    this.#counts.add('connected');
    try {
      const gateway = await this.#identify(socket, wire);
      if (gateway === undefined) return;
      session = new Session(this.#backend, gateway, wire, this.#counts, (greeted) => this.#welcome(greeted));
      const current = session;
      await wire.read((message) => current.handle(message));
    } catch (error) {
      // The socket's own errors end the loop as well; they are logged above.
      if (!socket.destroyed) {
        log.error({ err: error }, 'link: a message could not be handled');
        wire.fail('internal', 'The backend could not handle a message. Connect again.');
      }
    } finally {
      session?.close();
      if (session !== undefined && this.#sessions.get(session.gateway.id) === session) {
        this.#sessions.delete(session.gateway.id);
        log.info({ gateway: session.gateway.name }, 'link: gateway gone');
      }
      this.#counts.add('closed');
      if (!socket.writableEnded) socket.end();
      wire.drain();
    }
  }

  async #identify(socket: TLSSocket, wire: SocketWire): Promise<KnownGateway | undefined> {
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '';
    const row = await this.#backend.store
      .selectFrom('gateway')
      .select(['id', 'name', 'revokedMs'])
      .where('certificateSha256', '=', fingerprint)
      .executeTakeFirst();
    if (row === undefined) {
      wire.fail(
        'gateway-unknown',
        'This certificate belongs to no gateway here. Add it with "backend gateway add NAME".',
      );
      return undefined;
    }
    if (row.revokedMs !== null) {
      wire.fail('gateway-revoked', `The gateway ${row.name} was revoked.`);
      return undefined;
    }
    return { id: row.id, name: row.name };
  }

  #welcome(session: Session): void {
    const older = this.#sessions.get(session.gateway.id);
    this.#sessions.set(session.gateway.id, session);
    this.#options.log.info({ gateway: session.gateway.name }, 'link: gateway connected');
    older?.fail('replaced', 'The same gateway connected again; the newest connection is kept.');
  }
}
