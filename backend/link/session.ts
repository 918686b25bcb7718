/**
 * One connection of one gateway, from its hello on. What the gateway was told is kept here and compared with what is live:
 * `reconcile` sends the difference, so it does not matter who changed a job, or when.
 *
 * Messages are handled one after the other; nothing is read while one is being handled.
 */

import {
  type BackendMessage,
  type GatewayMessage,
  type Job,
  LINK_PROTOCOL,
  type Piece,
  type Want,
} from '#codec/messages/link.ts';
import { packagePath } from '../data-folder.ts';
import type { Backend } from '../backend.ts';
import { windowsIn } from '../windows.ts';
import { type LiveJob, liveJobsOf } from '../store/jobs.ts';
import type { LinkCounts, LinkEvent } from './counts.ts';
import { type KnownGateway, recordHeartbeat, recordHello, recordReceipt } from './evidence.ts';
import { Transfers } from './transfer.ts';

export interface Wire {
  /** Resolves when there is room for more. */
  send(message: BackendMessage): Promise<void>;
  /** Says why, then closes. */
  fail(event: LinkEvent, text: string): void;
}

export class Session {
  readonly gateway: KnownGateway;
  readonly #backend: Backend;
  readonly #wire: Wire;
  readonly #counts: LinkCounts;
  readonly #onHello: (session: Session) => void;
  readonly #transfers: Transfers;
  /** Job by id, as it was announced. */
  readonly #announced = new Map<string, string>();
  #greeted = false;
  #closed = false;
  #reconciling: Promise<void> = Promise.resolve();

  constructor(
    backend: Backend,
    gateway: KnownGateway,
    wire: Wire,
    counts: LinkCounts,
    onHello: (session: Session) => void,
  ) {
    this.#backend = backend;
    this.gateway = gateway;
    this.#wire = wire;
    this.#counts = counts;
    this.#onHello = onHello;
    this.#transfers = new Transfers((piece) => this.#sendPiece(piece));
  }

  async handle(message: GatewayMessage): Promise<void> {
    if (!this.#greeted && message.kind !== 'hello')
      return this.#wire.fail('out-of-order', 'The first message has to be hello.');
    switch (message.kind) {
      case 'hello':
        return this.#hello(message);
      case 'want':
        return this.#want(message);
      case 'receipt': {
        const { store, nowMs } = this.#backend;
        const changed = await recordReceipt(store, this.gateway, message, nowMs());
        this.#counts.add(changed ? 'receipts' : 'receipts-ignored');
        // A job that the gateway ended needs no withdraw.
        if (message.state === 'refused' || message.state === 'finished') this.#announced.delete(message.jobId);
        return undefined;
      }
      case 'heartbeat':
        this.#counts.add('heartbeats');
        return recordHeartbeat(this.#backend.store, this.gateway, message, this.#backend.nowMs());
    }
  }

  fail(event: LinkEvent, text: string): void {
    this.#wire.fail(event, text);
  }

  close(): void {
    this.#closed = true;
    this.#transfers.close();
  }

  /** Tells the gateway what changed since it was last told. */
  reconcile(): Promise<void> {
    this.#reconciling = this.#reconciling.then(() => this.#reconcileOnce());
    return this.#reconciling;
  }

  async #hello(hello: Extract<GatewayMessage, { kind: 'hello' }>): Promise<void> {
    if (this.#greeted) return this.#wire.fail('out-of-order', 'One hello is enough.');
    if (hello.protocol !== LINK_PROTOCOL)
      return this.#wire.fail(
        'protocol',
        `This backend speaks link protocol ${LINK_PROTOCOL}, the gateway ${hello.protocol}. Bring both to one version.`,
      );
    const { store, nowMs } = this.#backend;
    await recordHello(store, this.gateway, hello, nowMs());
    this.#onHello(this);
    await this.#wire.send({
      kind: 'welcome',
      protocol: LINK_PROTOCOL,
      gateway: this.gateway.name,
      timeMs: nowMs(),
    });
    const live = await liveJobsOf(store, this.gateway.id);
    for (const job of live) await this.#announce(job);
    await this.#wire.send({ kind: 'current', jobIds: live.map(({ jobId }) => jobId) });
    this.#greeted = true;
    // Whatever changed between the list and now.
    await this.reconcile();
  }

  async #reconcileOnce(): Promise<void> {
    if (this.#closed || !this.#greeted) return;
    const live = await liveJobsOf(this.#backend.store, this.gateway.id);
    for (const job of live) await this.#announce(job);
    for (const jobId of this.#announced.keys()) {
      if (live.some((job) => job.jobId === jobId)) continue;
      this.#announced.delete(jobId);
      this.#transfers.drop(jobId);
      const ended = await this.#backend.store
        .selectFrom('job')
        .select('reason')
        .where('id', '=', jobId)
        .executeTakeFirst();
      await this.#wire.send({ kind: 'withdraw', jobId, reason: ended?.reason ?? 'It is no longer wanted.' });
    }
  }

  async #announce(live: LiveJob): Promise<void> {
    if (live.packageSha256 === null || live.packageSizeBytes === null) return;
    const job: Job = {
      kind: 'job',
      jobId: live.jobId,
      packageSha256: Uint8Array.fromHex(live.packageSha256),
      sizeBytes: live.packageSizeBytes,
      vendor: live.vendor,
      deviceType: live.deviceType,
      target: `${live.kind}/${live.target}`,
      version: live.version,
      sequence: live.sequence,
      priority: live.priority,
      deadlineMs: live.deadlineMs ?? 0,
      windows: windowsIn(live.windows),
      paused: live.paused !== 0,
    };
    // These can change while it lives; everything else is fixed.
    const told = JSON.stringify([job.priority, job.deadlineMs, job.windows, job.paused]);
    if (this.#announced.get(job.jobId) === told) return;
    this.#announced.set(job.jobId, told);
    await this.#wire.send(job);
  }

  async #want(want: Want): Promise<void> {
    this.#counts.add('wants');
    const live = await liveJobsOf(this.#backend.store, this.gateway.id);
    const job = live.find(({ jobId }) => jobId === want.jobId);
    if (job === undefined) {
      this.#counts.add('wants-refused');
      return this.#wire.send({ kind: 'withdraw', jobId: want.jobId, reason: 'This gateway has no such live job.' });
    }
    const sizeBytes = job.packageSizeBytes ?? 0;
    if (want.offsetBytes > sizeBytes)
      return this.#wire.fail('bad-offset', `Job ${want.jobId} has ${sizeBytes} bytes, not ${want.offsetBytes}.`);
    const path = packagePath(this.#backend.folder, job.updateId);
    // Not waited for: heartbeats and receipts go on while pieces are sent.
    this.#transfers
      .want({ jobId: job.jobId, path, sizeBytes, priority: job.priority, offsetBytes: want.offsetBytes })
      .catch((error: unknown) => {
        if (!this.#closed)
          this.#wire.fail('internal', `The package of job ${job.jobId} cannot be read: ${String(error)}`);
      });
    return undefined;
  }

  async #sendPiece(piece: Piece): Promise<void> {
    await this.#wire.send(piece);
    this.#counts.add('pieces');
    this.#counts.add('piece-bytes', piece.bytes.length);
  }
}
