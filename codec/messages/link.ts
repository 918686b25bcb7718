/**
 * What gateway and backend tell each other. Each message is one deterministic CBOR map in one frame (`frame.ts`).
 *
 *     gateway                      backend
 *        | hello ------------------->|   who I am, which jobs I hold
 *        |<------------------ welcome|
 *        |<---------------- job, ... |   every live job of this gateway
 *        |<------------------ current|   that was all: drop what is not in it
 *        | want (offset) ----------->|   from what I have stored on
 *        |<------------- piece, ...  |   until the package is whole
 *        | receipt stored|refused -->|   after verification and fsync
 *        | receipt on-air ---------->|   after the first group left
 *        | heartbeat, every 10 s --->|   what was measured on air
 *        |<----------------- job ... |   other terms: priority, deadline, windows, pause
 *        | receipt finished -------->|   its deadline has come, or a newer one that is stored takes its place
 *        |<----------------- withdraw|
 */

import { decode, encode } from 'cborg';

/** 2: a job says what it replaces, when of the day it is on air, and whether it is paused. */
export const LINK_PROTOCOL = 2;
export const PIECE_BYTES = 64 * 1024;
/** Windows of one job. */
export const WINDOWS_MAX = 24;
export const MINUTES_OF_DAY = 24 * 60;

export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  readonly software: string;
  /** Jobs whose packages this gateway has stored. */
  readonly storedJobIds: readonly string[];
}
export interface Want {
  readonly kind: 'want';
  readonly jobId: string;
  readonly offsetBytes: number;
}
export type ReceiptState = 'stored' | 'refused' | 'on-air' | 'finished';
export interface Receipt {
  readonly kind: 'receipt';
  readonly jobId: string;
  readonly state: ReceiptState;
  /** For people; empty when there is nothing to say. */
  readonly detail: string;
}
/** What left for the transmitter for one job: counted, not planned. */
export interface OnAir {
  readonly jobId: string;
  readonly groups: number;
  readonly firstGroupMs: number;
  readonly lastGroupMs: number;
}
export interface StreamCount {
  readonly stream: number;
  readonly groups: number;
  readonly dataGroups: number;
}
export interface Heartbeat {
  readonly kind: 'heartbeat';
  /** Gateway's clock when the counts were taken. */
  readonly timeMs: number;
  readonly transmitting: boolean;
  readonly onAir: readonly OnAir[];
  readonly streams: readonly StreamCount[];
}
export type GatewayMessage = Hello | Want | Receipt | Heartbeat;

export interface Welcome {
  readonly kind: 'welcome';
  readonly protocol: number;
  readonly gateway: string;
  readonly timeMs: number;
}
/** A part of every day, in minutes of UTC; it goes over midnight when it ends before it begins. */
export interface DailyWindow {
  /** 0..1439 */
  readonly fromMinute: number;
  /** 1..1440, another than `fromMinute`. */
  readonly toMinute: number;
}
export interface Job {
  readonly kind: 'job';
  readonly jobId: string;
  readonly packageSha256: Uint8Array;
  readonly sizeBytes: number;
  readonly vendor: string;
  readonly deviceType: string;
  /** What it replaces on the device: `image/rootfs`, or `app/` and its name. Only a job for the same can supersede it. */
  readonly target: string;
  readonly version: string;
  readonly sequence: number;
  /** 1 (low) to 9 (high). */
  readonly priority: number;
  /** Broadcasting ends here; 0 for none. */
  readonly deadlineMs: number;
  /** When it may be on air; empty for the whole day. */
  readonly windows: readonly DailyWindow[];
  /** Off the air until this is taken back; the gateway keeps the package. */
  readonly paused: boolean;
}
export interface Current {
  readonly kind: 'current';
  readonly jobIds: readonly string[];
}
export interface Piece {
  readonly kind: 'piece';
  readonly jobId: string;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}
export interface Withdraw {
  readonly kind: 'withdraw';
  readonly jobId: string;
  readonly reason: string;
}
export interface LinkError {
  readonly kind: 'error';
  readonly code: string;
  readonly text: string;
}
export type BackendMessage = Welcome | Job | Current | Piece | Withdraw | LinkError;

type FieldType = 'text' | 'count' | 'flag' | 'bytes' | readonly FieldType[] | { readonly [name: string]: FieldType };

const ON_AIR: FieldType = { jobId: 'text', groups: 'count', firstGroupMs: 'count', lastGroupMs: 'count' };
const WINDOW: FieldType = { fromMinute: 'count', toMinute: 'count' };
const STREAM_COUNT: FieldType = { stream: 'count', groups: 'count', dataGroups: 'count' };

/** The fields of every message; a one-element list stands for "any number of these". */
const GATEWAY_FIELDS: Record<GatewayMessage['kind'], { readonly [name: string]: FieldType }> = {
  hello: { protocol: 'count', software: 'text', storedJobIds: ['text'] },
  want: { jobId: 'text', offsetBytes: 'count' },
  receipt: { jobId: 'text', state: 'text', detail: 'text' },
  heartbeat: { timeMs: 'count', transmitting: 'flag', onAir: [ON_AIR], streams: [STREAM_COUNT] },
};
const BACKEND_FIELDS: Record<BackendMessage['kind'], { readonly [name: string]: FieldType }> = {
  welcome: { protocol: 'count', gateway: 'text', timeMs: 'count' },
  job: {
    jobId: 'text',
    packageSha256: 'bytes',
    sizeBytes: 'count',
    vendor: 'text',
    deviceType: 'text',
    target: 'text',
    version: 'text',
    sequence: 'count',
    priority: 'count',
    deadlineMs: 'count',
    windows: [WINDOW],
    paused: 'flag',
  },
  current: { jobIds: ['text'] },
  piece: { jobId: 'text', offsetBytes: 'count', bytes: 'bytes' },
  withdraw: { jobId: 'text', reason: 'text' },
  error: { code: 'text', text: 'text' },
};

const RECEIPT_STATES: readonly string[] = ['stored', 'refused', 'on-air', 'finished'] satisfies ReceiptState[];
const MAX_LIST = 1000;
const MAX_TEXT = 2000;

function fits(value: unknown, type: FieldType): boolean {
  if (type === 'text') return typeof value === 'string' && value.length <= MAX_TEXT;
  if (type === 'count') return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  if (type === 'flag') return typeof value === 'boolean';
  if (type === 'bytes') return value instanceof Uint8Array;
  if (typeof type === 'string') return false;
  if (isList(type)) {
    const element = type[0];
    return (
      Array.isArray(value) &&
      value.length <= MAX_LIST &&
      element !== undefined &&
      value.every((item) => fits(item, element))
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(type);
  const record: Record<string, unknown> = { ...value };
  return (
    Object.keys(record).length === entries.length && entries.every(([name, fieldType]) => fits(record[name], fieldType))
  );
}

function isList(type: readonly FieldType[] | { readonly [name: string]: FieldType }): type is readonly FieldType[] {
  return Array.isArray(type);
}

export function isUsableWindow({ fromMinute, toMinute }: DailyWindow): boolean {
  const whole = Number.isInteger(fromMinute) && Number.isInteger(toMinute);
  const inDay = fromMinute >= 0 && fromMinute < MINUTES_OF_DAY && toMinute > 0 && toMinute <= MINUTES_OF_DAY;
  return whole && inDay && fromMinute !== toMinute;
}

export type MessageFault = 'not-cbor' | 'unknown-kind' | 'wrong-fields';
export type Parsed<Message> = { readonly message: Message } | { readonly fault: MessageFault };

function parse<Message>(cbor: Uint8Array, fields: { readonly [kind: string]: FieldType }): Parsed<Message> {
  let value: unknown;
  try {
    value = decode(cbor, { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true });
  } catch {
    return { fault: 'not-cbor' };
  }
  if (typeof value !== 'object' || value === null) return { fault: 'wrong-fields' };
  const { kind, ...rest }: { kind?: unknown } = value;
  if (typeof kind !== 'string' || !Object.hasOwn(fields, kind)) return { fault: 'unknown-kind' };
  if (!fits(rest, fields[kind])) return { fault: 'wrong-fields' };
  return { message: value as Message };
}

export function encodeMessage(message: GatewayMessage | BackendMessage): Uint8Array {
  return encode(message);
}

export function parseGatewayMessage(cbor: Uint8Array): Parsed<GatewayMessage> {
  const parsed = parse<GatewayMessage>(cbor, GATEWAY_FIELDS);
  if ('message' in parsed && parsed.message.kind === 'receipt' && !RECEIPT_STATES.includes(parsed.message.state))
    return { fault: 'wrong-fields' };
  return parsed;
}

export function parseBackendMessage(cbor: Uint8Array): Parsed<BackendMessage> {
  const parsed = parse<BackendMessage>(cbor, BACKEND_FIELDS);
  if (!('message' in parsed) || parsed.message.kind !== 'job') return parsed;
  const { packageSha256, windows } = parsed.message;
  const right = packageSha256.length === 32 && windows.length <= WINDOWS_MAX && windows.every(isUsableWindow);
  return right ? parsed : { fault: 'wrong-fields' };
}
