/**
 * The tables as TypeScript sees them; `migrations.ts` makes them. Times are milliseconds since 1970 UTC, lists are JSON
 * text, truths are 0 or 1: what SQLite and PostgreSQL both store.
 */

import type { ColumnType } from 'kysely';
import type { JobState } from '../job-states.ts';

export type Role = 'developer' | 'operator';
export type UpdateKind = 'image' | 'app';
/** `making` until the sealed package is on the disk; such a row left by a crash is removed at the next start. */
type UpdateState = 'making' | 'ready';
/** Today every update is approved on creation; an approval policy would leave it at `pending`. */
type Approval = 'pending' | 'approved';

/** Written once. */
type Fixed<T> = ColumnType<T, T, never>;

export interface TokenTable {
  id: Fixed<string>;
  name: Fixed<string>;
  /** SHA-256 of the token, hex. The token itself is nowhere. */
  tokenSha256: Fixed<string>;
  role: Fixed<Role>;
  createdMs: Fixed<number>;
  expiresMs: Fixed<number | null>;
  revokedMs: number | null;
}

export interface DeviceTypeTable {
  id: Fixed<string>;
  vendor: Fixed<string>;
  name: Fixed<string>;
  slotSizeBytes: number | null;
  /** JSON list of numbers, rising. */
  hardwareRevisions: string;
  /** Highest sequence ever given out, also to updates that failed: never handed out twice. */
  lastSequence: number;
  createdMs: Fixed<number>;
}

export interface UpdateTable {
  id: Fixed<string>;
  deviceTypeId: Fixed<string>;
  kind: Fixed<UpdateKind>;
  /** For people. */
  name: Fixed<string>;
  /** What it replaces on the device: `rootfs`, or the name of the app. */
  target: Fixed<string>;
  version: Fixed<string>;
  sequence: Fixed<number>;
  state: UpdateState;
  approval: Approval;
  notes: Fixed<string>;
  priority: number;
  /** When broadcasting starts; null until scheduled. */
  scheduleMs: number | null;
  deadlineMs: number | null;
  /** JSON list of times of the day (`codec/messages/link.ts`); empty for all of it. */
  windows: string;
  /** JSON: `"all"` or a list of gateway names. */
  audience: string;
  encoding: 'full' | 'delta' | null;
  /** JSON list, as `PackedWay` of packaging/pack.ts; empty as long as it is not packed. */
  ways: string;
  contentSha256: Fixed<string>;
  contentSizeBytes: Fixed<number>;
  packageSha256: string | null;
  packageSizeBytes: number | null;
  /** Payload sizes on air: as sent, and as it would be without a delta. */
  payloadSizeBytes: number | null;
  fullSizeBytes: number | null;
  withdrawnMs: number | null;
  author: Fixed<string>;
  createdMs: Fixed<number>;
}

export interface GatewayTable {
  id: Fixed<string>;
  name: Fixed<string>;
  /** SHA-256 of the certificate (DER), hex. */
  certificateSha256: Fixed<string>;
  createdMs: Fixed<number>;
  revokedMs: number | null;
  software: string | null;
  connectedMs: number | null;
  /** By the backend's clock. */
  heartbeatMs: number | null;
  /** The last heartbeat as it came, JSON; its times are by the gateway's clock. */
  heartbeat: string | null;
}

export interface JobTable {
  id: Fixed<string>;
  updateId: Fixed<string>;
  gatewayId: Fixed<string>;
  deviceTypeId: Fixed<string>;
  kind: Fixed<UpdateKind>;
  target: Fixed<string>;
  sequence: Fixed<number>;
  state: JobState;
  /** Why it ended; empty while it lives. */
  reason: string;
  priority: number;
  scheduleMs: number;
  deadlineMs: number | null;
  windows: string;
  /** Off the air until it is resumed: 0 or 1. */
  paused: number;
  createdMs: Fixed<number>;
  changedMs: number;
  /** Counted at the gateway, by its clock. */
  onAirGroups: number;
  onAirFirstMs: number | null;
  onAirLastMs: number | null;
  /** When that count reached us, by our clock. */
  onAirCountedMs: number | null;
}

/** Every change of state of a job, in order: the proof that each came due once. */
interface JobEventTable {
  id: Fixed<string>;
  jobId: Fixed<string>;
  fromState: Fixed<JobState>;
  toState: Fixed<JobState>;
  detail: Fixed<string>;
  actor: Fixed<string>;
  atMs: Fixed<number>;
}

/** Who changed what. `actor` is a token, a gateway, the schedule or the console. */
interface AuditTable {
  id: Fixed<string>;
  actor: Fixed<string>;
  action: Fixed<string>;
  subject: Fixed<string>;
  detail: Fixed<string>;
  atMs: Fixed<number>;
}

export interface Tables {
  token: TokenTable;
  deviceType: DeviceTypeTable;
  update: UpdateTable;
  gateway: GatewayTable;
  job: JobTable;
  jobEvent: JobEventTable;
  audit: AuditTable;
}
