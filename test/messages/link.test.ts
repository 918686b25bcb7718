import { encode } from 'cborg';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BackendMessage,
  encodeMessage,
  type GatewayMessage,
  parseBackendMessage,
  parseGatewayMessage,
} from '../../codec/messages/link.ts';

const text = fc.string({ maxLength: 40 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });

const fromGateway: fc.Arbitrary<GatewayMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    protocol: count,
    software: text,
    storedJobIds: fc.array(text, { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant('want' as const), jobId: text, offsetBytes: count }),
  fc.record({
    kind: fc.constant('receipt' as const),
    jobId: text,
    state: fc.constantFrom('stored' as const, 'refused' as const, 'on-air' as const, 'finished' as const),
    detail: text,
  }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    timeMs: count,
    transmitting: fc.boolean(),
    onAir: fc.array(fc.record({ jobId: text, groups: count, firstGroupMs: count, lastGroupMs: count }), {
      maxLength: 3,
    }),
    streams: fc.array(fc.record({ stream: count, groups: count, dataGroups: count }), { maxLength: 4 }),
  }),
);

const fromBackend: fc.Arbitrary<BackendMessage> = fc.oneof(
  fc.record({ kind: fc.constant('welcome' as const), protocol: count, gateway: text, timeMs: count }),
  fc.record({
    kind: fc.constant('job' as const),
    jobId: text,
    packageSha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    sizeBytes: count,
    vendor: text,
    deviceType: text,
    version: text,
    sequence: count,
    priority: count,
    deadlineMs: count,
    target: text,
    windows: fc.array(
      fc
        .record({ fromMinute: fc.nat(1439), toMinute: fc.integer({ min: 1, max: 1440 }) })
        .filter(({ fromMinute, toMinute }) => fromMinute !== toMinute),
      { maxLength: 24 },
    ),
    paused: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('current' as const), jobIds: fc.array(text, { maxLength: 5 }) }),
  fc.record({
    kind: fc.constant('piece' as const),
    jobId: text,
    offsetBytes: count,
    bytes: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({ kind: fc.constant('withdraw' as const), jobId: text, reason: text }),
  fc.record({ kind: fc.constant('error' as const), code: text, text }),
);

describe('messages', () => {
  it('property: come back as they were sent', () => {
    fc.assert(
      fc.property(fromGateway, (message) => {
        expect(parseGatewayMessage(encodeMessage(message))).toEqual({ message });
      }),
    );
    fc.assert(
      fc.property(fromBackend, (message) => {
        expect(parseBackendMessage(encodeMessage(message))).toEqual({ message });
      }),
    );
  });

  it('property: of one side are refused by the parser of that same side', () => {
    fc.assert(
      fc.property(fromBackend, (message) => {
        expect(parseGatewayMessage(encodeMessage(message))).toEqual({ fault: 'unknown-kind' });
      }),
    );
  });

  it('property: any bytes give a message or a fault of the list, never an exception', () => {
    const faults = ['not-cbor', 'unknown-kind', 'wrong-fields'];
    const check = (bytes: Uint8Array): boolean =>
      [parseGatewayMessage(bytes), parseBackendMessage(bytes)].every(
        (parsed) => 'message' in parsed || faults.includes(parsed.fault),
      );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(check(bytes)).toBe(true);
      }),
    );
    // Nearly right is worse than noise: one byte changed, or the end missing.
    fc.assert(
      fc.property(fc.oneof(fromGateway, fromBackend), fc.nat(), fc.nat(255), (message, at, byte) => {
        const bytes = encodeMessage(message).slice();
        bytes[at % bytes.length] = byte;
        return check(bytes) && check(bytes.subarray(0, at % bytes.length));
      }),
    );
    // Any value that CBOR can say, with a kind that exists.
    fc.assert(
      fc.property(
        fc.constantFrom('hello', 'want', 'receipt', 'heartbeat', 'job', 'piece', '__proto__', 'constructor'),
        fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 }),
        (kind, rest) => check(encode({ ...rest, kind })),
      ),
    );
  });

  it.each([
    ['a missing field', { kind: 'want', jobId: 'a' }],
    ['a field too many', { kind: 'want', jobId: 'a', offsetBytes: 0, more: 1 }],
    ['a negative count', { kind: 'want', jobId: 'a', offsetBytes: -1 }],
    ['a count that is no whole number', { kind: 'want', jobId: 'a', offsetBytes: 1.5 }],
    ['a count as a text', { kind: 'want', jobId: 'a', offsetBytes: '1' }],
    ['a text that is too long', { kind: 'want', jobId: 'a'.repeat(2001), offsetBytes: 0 }],
    ['a list that is too long', { kind: 'hello', protocol: 1, software: '', storedJobIds: Array(1001).fill('') }],
    ['a state that is none', { kind: 'receipt', jobId: 'a', state: 'received', detail: '' }],
  ])('with %s are refused', (_what, value) => {
    expect(parseGatewayMessage(encode(value))).toEqual({ fault: 'wrong-fields' });
  });

  it('with a digest of another length are refused', () => {
    const job = {
      kind: 'job',
      jobId: 'a',
      packageSha256: new Uint8Array(31),
      sizeBytes: 1,
      vendor: 'v',
      deviceType: 'd',
      target: 'image/rootfs',
      version: '1',
      sequence: 1,
      priority: 1,
      deadlineMs: 0,
      windows: [],
      paused: false,
    };
    expect(parseBackendMessage(encode(job))).toEqual({ fault: 'wrong-fields' });
    const right = { ...job, packageSha256: new Uint8Array(32) };
    expect(parseBackendMessage(encode(right))).toHaveProperty('message');
    for (const [fromMinute, toMinute] of [
      [0, 1440],
      [1439, 1],
      [60, 90],
    ])
      expect(parseBackendMessage(encode({ ...right, windows: [{ fromMinute, toMinute }] }))).toHaveProperty('message');
    for (const [fromMinute, toMinute] of [
      [60, 60],
      [1440, 60],
      [0, 1441],
      [60, 0],
    ])
      expect(parseBackendMessage(encode({ ...right, windows: [{ fromMinute, toMinute }] }))).toEqual({
        fault: 'wrong-fields',
      });
    const many = Array.from({ length: 25 }, () => ({ fromMinute: 0, toMinute: 1 }));
    expect(parseBackendMessage(encode({ ...right, windows: many }))).toEqual({ fault: 'wrong-fields' });
  });

  it('in CBOR that says one thing in two ways are refused', () => {
    // {"kind": "want", ...} with "kind" twice; an indefinite-length map; a whole number in more bytes than it needs.
    const twice = Uint8Array.from([
      0xa2,
      0x64,
      ...Buffer.from('kind'),
      0x61,
      0x61,
      0x64,
      ...Buffer.from('kind'),
      0x61,
      0x62,
    ]);
    const indefinite = Uint8Array.from([0xbf, 0x64, ...Buffer.from('kind'), 0x64, ...Buffer.from('want'), 0xff]);
    const long = Uint8Array.from([0x18, 0x01]);
    for (const bytes of [twice, indefinite, long]) expect(parseGatewayMessage(bytes)).toEqual({ fault: 'not-cbor' });
  });
});
