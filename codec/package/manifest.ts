/**
 * The manifest: what a package is for, what it brings and what it needs. One deterministic CBOR map with whole-number keys
 * (docs/package.md, "Manifest").
 *
 *     { 1: format, 2: vendor, 3: device type, 5: version, 6: sequence, 8: [ content, ... ], optional keys }
 *     content = { ? 1: target, 2: size installed, 3: SHA-256 installed, 4: [ way, ... ] }
 *     way     = { 1: form, 2: size on air, ? 3: SHA-256 on air, ? 4: SHA-256 of base, ? 5: size of base, ? 6: leads to }
 *
 * An unknown key >= 0 is refused, an unknown key < 0 is ignored (and is covered by the signature all the same).
 * On air the ways to one content are grouped below it, so that they cannot disagree about what they lead to; in the program
 * every way is a `Payload` of its own. A way may lead to the base of an earlier one instead of to the content (`steps.ts`).
 */

import { bytesEqual } from '../bytes.ts';
import { sha1 } from '@noble/hashes/legacy.js';
import { MisuseError } from '../misuse.ts';
import { type CborKey, type CborValue, decodeStrict, encodeDeterministic } from './cbor.ts';
import { Fields } from './manifest-fields.ts';

export const MANIFEST_FORMAT = 1;
/** Bounds what a receiver parses; an ordinary release is below 200 B, each further delta adds about 85 B. */
export const MAX_MANIFEST_BYTES = 8192;
export const MAX_PAYLOADS = 64;
/** Payloads that a device may have to unpack one after another. */
export const MAX_STEPS = 4;
const MAX_SIZE_BYTES = 2 ** 40;

export type PackageKind = 'image' | 'app';
type Encoding = 'full' | 'delta';
/** `carillon`: a delta as docs/delta.md has it; of full content one from nothing. */
type Compression = 'none' | 'zstd' | 'carillon';

/** One way to get the content of one target. Ways to the same target are alternatives; a device takes the first it can use. */
export interface Payload {
  /** Slot contents are `rootfs`. */
  readonly target: string;
  readonly encoding: Encoding;
  readonly compression: Compression;
  readonly sizeOnAirBytes: number;
  readonly sizeInstalledBytes: number;
  readonly sha256Installed: Uint8Array;
  readonly sha256OnAir: Uint8Array;
  /** The content a delta starts from; present exactly when `encoding` is `delta`. */
  readonly base?: { readonly sha256: Uint8Array; readonly sizeBytes: number };
  /**
   * Of a delta that makes the base of an earlier delta to the same target, and not the content: which one of the manifest's payloads
   * that is. What it says of the content is true of the content all the same; what it makes itself, `stepsFrom` says.
   */
  readonly leadsTo?: number;
}

export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  /** A domain name, because the vendor identifier is derived from it (RFC 9124 clause 3.3). */
  readonly vendor: string;
  readonly deviceType: string;
  /** Absent: every revision. */
  readonly hardwareRevisions?: readonly number[];
  /** For people. */
  readonly version: string;
  /** The one that is compared: 1 .. 2^53 - 1. */
  readonly sequence: number;
  readonly kind: PackageKind;
  /** In the order in which they follow the manifest; ways to the same target stand together. */
  readonly payloads: readonly Payload[];
  /** The oldest installed sequence that this update can start from. */
  readonly oldestSequence?: number;
  /** Seconds since 1970: not to be activated before. Advice for the reboot, never a reason to refuse: clocks are wrong. */
  readonly notBeforeSeconds?: number;
  /** Seconds since 1970: refused once the signed time floor of the device, not its clock, has passed it. */
  readonly expiryFloorSeconds?: number;
  readonly author?: string;
  readonly notes?: string;
}

/** Encoding and compression as they are numbered on air. New pairs get new numbers; old receivers refuse them. */
const FORMS: readonly { readonly form: number; readonly encoding: Encoding; readonly compression: Compression }[] = [
  { form: 0, encoding: 'full', compression: 'none' },
  { form: 1, encoding: 'full', compression: 'zstd' },
  { form: 2, encoding: 'delta', compression: 'zstd' },
  { form: 3, encoding: 'delta', compression: 'carillon' },
  { form: 4, encoding: 'full', compression: 'carillon' },
];

const KEY = {
  format: 1,
  vendor: 2,
  deviceType: 3,
  hardwareRevisions: 4,
  version: 5,
  sequence: 6,
  kind: 7,
  contents: 8,
  oldestSequence: 9,
  notBeforeSeconds: 10,
  expiryFloorSeconds: 11,
  author: -1,
  notes: -2,
} as const;
const CONTENT = { target: 1, sizeInstalled: 2, sha256Installed: 3, ways: 4 } as const;
const WAY = { form: 1, sizeOnAir: 2, sha256OnAir: 3, baseSha256: 4, baseSize: 5, leadsTo: 6 } as const;

/** `image` is not sent. */
const KIND_APP = 1;
const DEFAULT_TARGET = 'rootfs';
export type ManifestParsed =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'fault'; readonly detail: string };

/** Throws for a manifest that its own parser would refuse: that is a mistake of the caller. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const map = new Map<CborKey, CborValue>();
  map.set(KEY.format, manifest.format);
  map.set(KEY.vendor, manifest.vendor);
  map.set(KEY.deviceType, manifest.deviceType);
  setIfPresent(map, KEY.hardwareRevisions, manifest.hardwareRevisions);
  map.set(KEY.version, manifest.version);
  map.set(KEY.sequence, manifest.sequence);
  if (manifest.kind === 'app') map.set(KEY.kind, KIND_APP);
  map.set(KEY.contents, encodeContents(manifest.payloads));
  setIfPresent(map, KEY.oldestSequence, manifest.oldestSequence);
  setIfPresent(map, KEY.notBeforeSeconds, manifest.notBeforeSeconds);
  setIfPresent(map, KEY.expiryFloorSeconds, manifest.expiryFloorSeconds);
  setIfPresent(map, KEY.author, manifest.author);
  setIfPresent(map, KEY.notes, manifest.notes);
  const bytes = encodeDeterministic(map);
  const parsed = parseManifest(bytes);
  if (parsed.kind === 'fault') throw wrongManifest(parsed.detail);
  return bytes;
}

function wrongManifest(detail: string): MisuseError {
  return new MisuseError('MANIFEST', `This manifest cannot be sent: ${detail}.`);
}

function setIfPresent(map: Map<CborKey, CborValue>, key: number, value: CborValue | undefined): void {
  if (value !== undefined) map.set(key, value);
}

function encodeContents(payloads: readonly Payload[]): CborValue {
  const contents: CborValue[] = [];
  let ways: CborValue[] = [];
  let first: Payload | undefined;
  let firstIndex = 0;
  for (const [index, payload] of payloads.entries()) {
    if (first === undefined || payload.target !== first.target) {
      first = payload;
      firstIndex = index;
      ways = [];
      const content = new Map<CborKey, CborValue>();
      if (payload.target !== DEFAULT_TARGET) content.set(CONTENT.target, payload.target);
      content.set(CONTENT.sizeInstalled, payload.sizeInstalledBytes);
      content.set(CONTENT.sha256Installed, payload.sha256Installed);
      content.set(CONTENT.ways, ways);
      contents.push(content);
    } else if (
      payload.sizeInstalledBytes !== first.sizeInstalledBytes ||
      !bytesEqual(payload.sha256Installed, first.sha256Installed)
    )
      throw wrongManifest(`the payloads for ${payload.target} lead to different contents`);
    ways.push(encodeWay(payload, firstIndex));
  }
  return contents;
}

function encodeWay(payload: Payload, firstIndex: number): CborValue {
  const form = FORMS.find((f) => f.encoding === payload.encoding && f.compression === payload.compression);
  if (form === undefined) throw wrongManifest(`no form for ${payload.encoding} with ${payload.compression}`);
  if ((payload.encoding === 'delta') !== (payload.base !== undefined))
    throw wrongManifest('a delta, and only a delta, has a base');
  const way = new Map<CborKey, CborValue>();
  way.set(WAY.form, form.form);
  way.set(WAY.sizeOnAir, payload.sizeOnAirBytes);
  if (isSentAsInstalled(form)) {
    if (
      payload.sizeOnAirBytes !== payload.sizeInstalledBytes ||
      !bytesEqual(payload.sha256OnAir, payload.sha256Installed)
    )
      throw wrongManifest('content that is sent as it is installed has one size and one digest');
  } else way.set(WAY.sha256OnAir, payload.sha256OnAir);
  setIfPresent(way, WAY.baseSha256, payload.base?.sha256);
  setIfPresent(way, WAY.baseSize, payload.base?.sizeBytes);
  if (payload.leadsTo !== undefined) way.set(WAY.leadsTo, payload.leadsTo - firstIndex);
  return way;
}

function isSentAsInstalled(form: { encoding: Encoding; compression: Compression }): boolean {
  return form.encoding === 'full' && form.compression === 'none';
}

export function parseManifest(bytes: Uint8Array): ManifestParsed {
  const decoded = decodeStrict(bytes, { maxBytes: MAX_MANIFEST_BYTES, maxItems: 2048, maxDepth: 6 });
  if (decoded.kind === 'fault')
    return { kind: 'fault', detail: `CBOR ${decoded.fault} at byte ${decoded.offsetBytes}` };
  const wrong: string[] = [];
  const fields = new Fields(decoded.value, 'the manifest', wrong);
  // First, because under another format nothing else means what we think.
  fields.uint(KEY.format, 'format', MANIFEST_FORMAT, MANIFEST_FORMAT);
  if (wrong.length > 0) return fault(wrong);
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    vendor: fields.text(KEY.vendor, 'vendor'),
    deviceType: fields.text(KEY.deviceType, 'deviceType'),
    ...(fields.has(KEY.hardwareRevisions) && { hardwareRevisions: parseRevisions(fields, wrong) }),
    version: fields.text(KEY.version, 'version'),
    sequence: fields.uint(KEY.sequence, 'sequence', 1, Number.MAX_SAFE_INTEGER),
    kind: fields.has(KEY.kind) && fields.uint(KEY.kind, 'kind', KIND_APP, KIND_APP) === KIND_APP ? 'app' : 'image',
    payloads: parseContents(fields.list(KEY.contents, 'contents', MAX_PAYLOADS), wrong),
    ...(fields.has(KEY.oldestSequence) && {
      oldestSequence: fields.uint(KEY.oldestSequence, 'oldestSequence', 1, Number.MAX_SAFE_INTEGER),
    }),
    ...(fields.has(KEY.notBeforeSeconds) && {
      notBeforeSeconds: fields.uint(KEY.notBeforeSeconds, 'notBefore', 1, Number.MAX_SAFE_INTEGER),
    }),
    ...(fields.has(KEY.expiryFloorSeconds) && {
      expiryFloorSeconds: fields.uint(KEY.expiryFloorSeconds, 'expiryFloor', 1, Number.MAX_SAFE_INTEGER),
    }),
    ...(fields.has(KEY.author) && { author: fields.text(KEY.author, 'author') }),
    ...(fields.has(KEY.notes) && { notes: fields.text(KEY.notes, 'notes') }),
  };
  fields.end();
  return wrong.length > 0 ? fault(wrong) : { kind: 'manifest', manifest };
}

function fault(wrong: readonly string[]): ManifestParsed {
  return { kind: 'fault', detail: wrong[0] ?? 'unknown' };
}

function parseRevisions(fields: Fields, wrong: string[]): number[] {
  const revisions: number[] = [];
  for (const value of fields.list(KEY.hardwareRevisions, 'hardwareRevisions', 64)) {
    if (typeof value === 'number' && value >= 0 && value > (revisions.at(-1) ?? -1)) revisions.push(value);
    else wrong.push('the manifest needs hardware revisions in rising order');
  }
  return revisions;
}

function parseContents(contents: readonly CborValue[], wrong: string[]): Payload[] {
  const payloads: Payload[] = [];
  const targets = new Set<string>();
  for (const value of contents) {
    const content = new Fields(value, 'a content', wrong);
    const target = content.has(CONTENT.target) ? content.text(CONTENT.target, 'target') : DEFAULT_TARGET;
    if (targets.has(target)) wrong.push(`the manifest has two contents for ${target}`);
    targets.add(target);
    const sizeInstalledBytes = content.uint(CONTENT.sizeInstalled, 'size installed', 1, MAX_SIZE_BYTES);
    const sha256Installed = content.digest(CONTENT.sha256Installed, 'SHA-256 installed');
    const firstIndex = payloads.length;
    for (const way of content.list(CONTENT.ways, 'ways', MAX_PAYLOADS)) {
      const payload = parseWay(way, { target, sizeInstalledBytes, sha256Installed, firstIndex }, wrong);
      const whatIsWrong = wrongChain(payload, payloads, firstIndex);
      if (whatIsWrong !== undefined) wrong.push(`a payload for ${target} ${whatIsWrong}`);
      payloads.push(payload);
    }
    content.end();
  }
  if (payloads.length > MAX_PAYLOADS) wrong.push(`the manifest has more than ${MAX_PAYLOADS} payloads`);
  return payloads;
}

/**
 * Only earlier ways are led to, so that no chain is a circle. Every step of one has another base, or it would come back to where it
 * was. `earlier` are all payloads before this one, of this content from `firstIndex` on.
 */
function wrongChain(payload: Payload, earlier: readonly Payload[], firstIndex: number): string | undefined {
  const bases = [payload.base];
  for (let { leadsTo } = payload; leadsTo !== undefined; ) {
    const next = leadsTo < firstIndex ? undefined : earlier[leadsTo];
    if (next?.base === undefined) return 'leads to something else than an earlier delta';
    const { sha256 } = next.base;
    if (bases.some((base) => base !== undefined && bytesEqual(base.sha256, sha256)))
      return 'leads back to its own start';
    bases.push(next.base);
    if (bases.length > MAX_STEPS) return `is more than ${MAX_STEPS} steps from the content`;
    leadsTo = next.leadsTo;
  }
  return undefined;
}

function parseWay(
  value: CborValue,
  content: Pick<Payload, 'target' | 'sizeInstalledBytes' | 'sha256Installed'> & { readonly firstIndex: number },
  wrong: string[],
): Payload {
  const fields = new Fields(value, `a payload for ${content.target}`, wrong);
  const number = fields.uint(WAY.form, 'form', 0, FORMS.length - 1);
  const form = FORMS.find((f) => f.form === number) ?? { encoding: 'full', compression: 'none' };
  const sizeOnAirBytes = fields.uint(WAY.sizeOnAir, 'size on air', 1, MAX_SIZE_BYTES);
  if (isSentAsInstalled(form) && sizeOnAirBytes !== content.sizeInstalledBytes)
    wrong.push(`a payload for ${content.target} is sent as it is installed but has two sizes`);
  const payload: Payload = {
    target: content.target,
    encoding: form.encoding,
    compression: form.compression,
    sizeOnAirBytes,
    sizeInstalledBytes: content.sizeInstalledBytes,
    sha256Installed: content.sha256Installed,
    sha256OnAir: isSentAsInstalled(form)
      ? content.sha256Installed
      : fields.digest(WAY.sha256OnAir, 'SHA-256 of what is sent'),
    ...(form.encoding === 'delta' && {
      base: {
        sha256: fields.digest(WAY.baseSha256, 'SHA-256 of the base'),
        sizeBytes: fields.uint(WAY.baseSize, 'size of the base', 1, MAX_SIZE_BYTES),
      },
      ...(fields.has(WAY.leadsTo) && {
        leadsTo: content.firstIndex + fields.uint(WAY.leadsTo, 'way that it leads to', 0, MAX_PAYLOADS - 1),
      }),
    }),
  };
  fields.end();
  return payload;
}

/** RFC 9562 appendix A: the name space for domain names. */
const DNS_NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

/**
 * The class identifier of SUIT, derived and never sent: UUID version 5 of the device type in the name space of the vendor
 * identifier, which is UUID version 5 of the vendor's domain name (RFC 9124 clauses 3.3 and 3.4, RFC 9562 clause 5.5).
 */
export function classId(vendor: string, deviceType: string): string {
  return uuidV5(vendorId(vendor), deviceType);
}

export function vendorId(vendor: string): string {
  return uuidV5(DNS_NAMESPACE, vendor);
}

function uuidV5(namespace: string, name: string): string {
  const text = new TextEncoder().encode(name);
  const input = new Uint8Array(16 + text.length);
  input.set(Uint8Array.fromHex(namespace.replaceAll('-', '')));
  input.set(text, 16);
  const uuid = sha1(input).slice(0, 16);
  uuid[6] = (uuid[6] & 0x0f) | 0x50;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
  const hex = uuid.toHex();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
