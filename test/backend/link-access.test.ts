import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueGateway } from '../../backend/certificates/authority.ts';
import { revokeGateway } from '../../backend/store/gateways.ts';
import { encodeFrame } from '../../codec/messages/frame.ts';
import { counts, linkStage } from './link-stage.ts';
import { newStage, noise } from './stage.ts';
import { dial, GatewayEnd } from './wire.ts';
import { LINK_PROTOCOL } from '../../codec/messages/link.ts';

describe('a stranger', () => {
  it('without a certificate, or with one of another authority, gets no word', async () => {
    const { stage, bundle, port } = await linkStage();
    const strangers = await createAuthority(Date.now());
    const forged = await issueGateway(strangers, 'north', Date.now());
    for (const end of [
      new GatewayEnd(port, { ca: bundle.ca }),
      new GatewayEnd(port, { ca: bundle.ca, key: forged.key, cert: forged.certificate }),
    ]) {
      end.hello();
      await end.end();
      expect(end.received).toEqual([]);
    }
    expect(await counts(stage)).toEqual({ 'handshake-failed': 2 });
  });

  it('can not pose as the backend', async () => {
    const { bundle } = await linkStage();
    const other = await newStage();
    const end = dial(other.running.linkPort, bundle);
    await end.end();
    expect(end.failure).toMatch(/SELF_SIGNED|UNABLE_TO|SIGNATURE/);
  });

  it('can not talk TLS 1.2', async () => {
    const { bundle, port } = await linkStage();
    const end = dial(port, bundle, { maxVersion: 'TLSv1.2' });
    await end.end();
    expect(end.failure).toMatch(/PROTOCOL_VERSION/);
  });

  it('with a certificate of ours that is in no database is told so', async () => {
    const { stage, bundle, port } = await linkStage();
    const authority = {
      key: await readFile(join(stage.data, 'ca.key'), 'utf8'),
      certificate: await readFile(join(stage.data, 'ca.crt'), 'utf8'),
    };
    const issued = await issueGateway(authority, 'north', Date.now());
    const end = new GatewayEnd(port, { ca: bundle.ca, key: issued.key, cert: issued.certificate });
    expect(await end.next('error')).toMatchObject({ code: 'gateway-unknown' });
    await end.end();
  });
});

describe('a gateway', () => {
  it('that was revoked is left, and not let in again', async () => {
    const { stage, bundle, port } = await linkStage();
    const end = dial(port, bundle);
    end.hello();
    await end.next('current');
    await revokeGateway(stage.running.store, 'north', Date.now());
    await stage.running.tick();
    expect(await end.next('error')).toMatchObject({ code: 'gateway-revoked' });
    await end.end();
    const again = dial(port, bundle);
    expect(await again.next('error')).toMatchObject({ code: 'gateway-revoked' });
    await again.end();
  });

  it('that falls silent is closed, also while it is being sent to', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage({ idleMs: 400 });
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' }, noise(100_000));
    const end = dial(port, bundle);
    end.hello();
    const { jobId } = await end.next('job');
    end.send({ kind: 'want', jobId, offsetBytes: 0 });
    expect(await end.next('error')).toMatchObject({ code: 'idle' });
    await end.end();
    expect(await counts(stage)).toMatchObject({ idle: 1, closed: 1 });
  });

  it.each([
    ['an empty frame', Uint8Array.of(0, 0, 0, 0), 'frame-empty'],
    ['a frame that is too long', Uint8Array.of(255, 255, 255, 255), 'frame-too-long'],
    ['no CBOR', encodeFrame(Uint8Array.of(0xff)), 'not-cbor'],
    ['an unknown message', encodeFrame(Uint8Array.of(0xa1, 0x64, 0x6b, 0x69, 0x6e, 0x64, 0x61, 0x78)), 'unknown-kind'],
    ['a list', encodeFrame(Uint8Array.of(0x80)), 'unknown-kind'],
  ])('that sends %s is told and closed, and it is counted', async (_what, bytes, code) => {
    const { stage, bundle, port } = await linkStage();
    const end = dial(port, bundle);
    end.hello();
    await end.next('current');
    end.socket.write(bytes);
    expect(await end.next('error')).toMatchObject({ code });
    await end.end();
    expect(await counts(stage)).toMatchObject({ [code]: 1 });
  });

  it('has to say hello first, once, and in our protocol', async () => {
    const { bundle, port } = await linkStage();
    const mute = dial(port, bundle);
    mute.send({ kind: 'want', jobId: 'x', offsetBytes: 0 });
    expect(await mute.next('error')).toMatchObject({ code: 'out-of-order' });
    const twice = dial(port, bundle);
    twice.hello();
    twice.hello();
    expect(await twice.next('error')).toMatchObject({ code: 'out-of-order' });
    const newer = dial(port, bundle);
    newer.send({ kind: 'hello', protocol: LINK_PROTOCOL + 1, software: 'x', storedJobIds: [] });
    expect(await newer.next('error')).toMatchObject({ code: 'protocol' });
  });
});
