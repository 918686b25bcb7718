import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GatewayView } from '../../backend/routes/schemas.ts';
import { createToken } from '../../backend/store/tokens.ts';
import { PIECE_BYTES } from '../../codec/messages/link.ts';
import { counts, linkStage, onlyJob } from './link-stage.ts';
import { newData, newGateway, noise, Stage, startOn } from './stage.ts';
import { dial } from './wire.ts';

describe('a gateway', () => {
  it('is welcomed, told its jobs and that these were all', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now', priority: '7' });
    const end = dial(port, bundle);
    end.hello();
    await end.until((received) => received.find(({ kind }) => kind === 'current'));
    const job = await onlyJob(stage);
    expect(end.received).toMatchObject([
      { kind: 'welcome', protocol: 2, gateway: 'north' },
      {
        kind: 'job',
        jobId: job.id,
        sizeBytes: update.sizes.onAirBytes,
        vendor: 'example.org',
        deviceType: 'Pi3',
        version: '1',
        sequence: 1,
        priority: 7,
        deadlineMs: 0,
        target: 'image/rootfs',
        windows: [],
        paused: false,
      },
      { kind: 'current', jobIds: [job.id] },
    ]);
    const told = end.received[1];
    if (told?.kind !== 'job') throw new Error('no job');
    expect(Buffer.from(told.packageSha256).toString('hex')).toBe(update.packageSha256);
  });

  it('gets the package in pieces, whole, and from any offset', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' }, noise(200_000));
    const end = dial(port, bundle);
    end.hello();
    const { jobId, sizeBytes } = await end.next('job');
    const whole = new Uint8Array(sizeBytes);
    for (const offsetBytes of [0, PIECE_BYTES, 123_457, sizeBytes - 1, sizeBytes]) {
      end.send({ kind: 'want', jobId, offsetBytes });
      let at = offsetBytes;
      while (at < sizeBytes) {
        const piece = await end.next('piece');
        expect(piece.offsetBytes).toBe(at);
        const known = whole.subarray(at, at + piece.bytes.length);
        expect(offsetBytes === 0 || Buffer.compare(piece.bytes, known) === 0).toBe(true);
        whole.set(piece.bytes, at);
        at += piece.bytes.length;
      }
    }
    expect(createHash('sha256').update(whole).digest('hex')).toBe(update.packageSha256);
    end.send({ kind: 'want', jobId, offsetBytes: sizeBytes + 1 });
    expect(await end.next('error')).toMatchObject({ code: 'bad-offset' });
    await end.end();
  });

  it('gets the more urgent package first, and the other after it', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const big = noise(3_000_000);
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now', priority: '2' }, big);
    const urgent = { deviceTypeId, version: '1', kind: 'app', name: 'a', scheduleTime: 'now', priority: '8' };
    await stage.newUpdate(urgent, noise(100_000, 5));
    const end = dial(port, bundle);
    end.hello();
    const first = await end.next('job');
    const second = await end.next('job');
    expect([first.priority, second.priority]).toEqual([8, 2]);
    end.socket.pause();
    end.send({ kind: 'want', jobId: second.jobId, offsetBytes: 0 });
    end.send({ kind: 'want', jobId: first.jobId, offsetBytes: 0 });
    end.socket.resume();
    const order: string[] = [];
    let bytes = 0;
    while (bytes < first.sizeBytes + second.sizeBytes) {
      const piece = await end.next('piece');
      bytes += piece.bytes.length;
      if (order.at(-1) !== piece.jobId) order.push(piece.jobId);
    }
    // Whatever was under way of the slow one when the urgent one was asked for, the slow one came last.
    expect(order.at(-1)).toBe(second.jobId);
    expect(order).toContain(first.jobId);
  });

  it('that does not read is not sent more than its line holds', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    // Packing this much would take longer than the test; the link looks only at the file and its size.
    await writeFile(join(stage.data, 'packages', `${update.id}.carillon`), new Uint8Array(30_000_000));
    await stage.running.store.updateTable('update').set({ packageSizeBytes: 30_000_000 }).execute();
    const end = dial(port, bundle);
    end.hello();
    const { jobId } = await end.next('job');
    end.socket.pause();
    end.send({ kind: 'want', jobId, offsetBytes: 0 });
    let before = -1;
    let now = 0;
    // Until the count stands still: the buffers of both kernels are full.
    while (now !== before || now === 0) {
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
      now = (await counts(stage))['piece-bytes'] ?? 0;
    }
    expect(now).toBeLessThan(16_000_000);
    end.socket.resume();
    await end.until((received) =>
      received.filter(({ kind }) => kind === 'piece').length >= Math.ceil(30_000_000 / PIECE_BYTES) ? true : undefined,
    );
  });

  it('is told of a new job at once, and of a withdrawal', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const end = dial(port, bundle);
    end.hello();
    await end.next('current');
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const { jobId } = await end.next('job');
    await stage.request('POST', `/v1/updates/${update.id}/withdraw`, { reason: 'Wrong colour.' });
    expect(await end.next('withdraw')).toEqual({ kind: 'withdraw', jobId, reason: 'Wrong colour.' });
    end.send({ kind: 'want', jobId, offsetBytes: 0 });
    expect(await end.next('withdraw')).toMatchObject({ jobId });
  });

  it('is told when a job is on air, what it replaces, and that it is paused and resumed', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const windows = '22:00-05:00,12:00-24:00';
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now', windows });
    expect(update.windows).toEqual(windows.split(','));
    const end = dial(port, bundle);
    end.hello();
    const first = await end.next('job');
    expect(first).toMatchObject({
      target: 'image/rootfs',
      paused: false,
      windows: [
        { fromMinute: 1320, toMinute: 300 },
        { fromMinute: 720, toMinute: 1440 },
      ],
    });
    await stage.request('POST', `/v1/jobs/${first.jobId}/pause`, {});
    expect(await end.next('job')).toEqual({ ...first, paused: true });
    await stage.request('POST', `/v1/jobs/${first.jobId}/resume`, {});
    expect(await end.next('job')).toEqual(first);
    await stage.request('POST', `/v1/updates/${update.id}/schedule`, { at: 'now', windows: [] });
    expect(await end.next('job')).toEqual({ ...first, windows: [] });
    await stage.request('POST', `/v1/updates/${update.id}/withdraw`, {});
    expect(await stage.request('POST', `/v1/jobs/${first.jobId}/pause`, {})).toMatchObject({
      status: 409,
      body: { error: { code: 'job-ended' } },
    });
    expect(await stage.request('POST', '/v1/jobs/none/pause', {})).toMatchObject({ status: 404 });
  });

  it('that refuses a job is quoted to the developer', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const end = dial(port, bundle);
    end.hello();
    const { jobId } = await end.next('job');
    const detail = 'Refused: the deadline cannot be kept with a data share of 0.25; a share of 0.4 would do.';
    end.send({ kind: 'receipt', jobId, state: 'refused', detail });
    await expect.poll(async () => await onlyJob(stage)).toMatchObject({ state: 'refused', reason: detail });
  });

  it('is told of a new priority of a job that it has', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const end = dial(port, bundle);
    end.hello();
    const first = await end.next('job');
    await stage.request('POST', `/v1/updates/${update.id}/schedule`, { at: 'now', priority: 9 });
    expect(await end.next('job')).toMatchObject({ jobId: first.jobId, priority: 9 });
  });

  it('moves its job with receipts; repeated, late and foreign ones change nothing', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const other = await stage.newGateway('south');
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now', gateways: 'north' });
    const end = dial(port, bundle);
    end.hello();
    const { jobId } = await end.next('job');
    const receipt = (state: 'stored' | 'on-air' | 'finished' | 'refused', from = end) =>
      from.send({ kind: 'receipt', jobId, state, detail: '' });
    const stateIs = (state: string) => expect.poll(async () => (await onlyJob(stage)).state).toBe(state);
    const foreign = dial(port, other);
    foreign.hello();
    await foreign.next('current');
    receipt('finished', foreign);
    receipt('stored');
    await stateIs('stored');
    receipt('stored');
    receipt('on-air');
    await stateIs('on-air');
    receipt('stored');
    receipt('finished');
    await stateIs('finished');
    receipt('on-air');
    receipt('refused');
    await expect.poll(async () => (await counts(stage))['receipts-ignored']).toBe(5);
    expect((await onlyJob(stage)).state).toBe('finished');
    expect(await counts(stage)).toMatchObject({ receipts: 3 });
    expect(end.received.filter(({ kind }) => kind === 'withdraw')).toEqual([]);
  });

  it('that stored a package whose receipt was lost says so at its next hello', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const { id } = await onlyJob(stage);
    const end = dial(port, bundle);
    end.hello([id, 'gone-long-ago']);
    await end.next('current');
    expect((await onlyJob(stage)).state).toBe('stored');
  });

  it('is shown with what it counted, how old that is, and nothing more', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const end = dial(port, bundle);
    end.hello();
    const { jobId } = await end.next('job');
    end.send({
      kind: 'heartbeat',
      timeMs: Date.parse('1970-01-02T00:00:00Z'),
      transmitting: true,
      onAir: [{ jobId, groups: 42, firstGroupMs: 1000, lastGroupMs: 9000 }],
      streams: [{ stream: 0, groups: 114, dataGroups: 42 }],
    });
    await expect.poll(async () => (await onlyJob(stage)).facts.onAir?.groups).toBe(42);
    const job = await onlyJob(stage);
    expect(job).toMatchObject({ state: 'on-air', facts: { received: null, written: null, confirmed: null } });
    expect(job.facts.onAir?.countAgeSeconds).toBeLessThan(10);
    const { body } = await stage.request<{ items: GatewayView[] }>('GET', '/v1/gateways');
    expect(body.items[0]).toMatchObject({
      name: 'north',
      connected: true,
      software: 'test/1',
      lastHeartbeat: { gatewayTime: '1970-01-02T00:00:00.000Z', transmitting: true, streams: [{ dataGroups: 42 }] },
    });
    end.socket.destroy();
    await expect
      .poll(async () => (await stage.request<{ items: GatewayView[] }>('GET', '/v1/gateways')).body.items[0]?.connected)
      .toBe(false);
  });

  it('that connects twice is kept once: the newest wins', async () => {
    const { stage, bundle, deviceTypeId, port } = await linkStage();
    const first = dial(port, bundle);
    first.hello();
    await first.next('current');
    const second = dial(port, bundle);
    second.hello();
    await second.next('current');
    expect(await first.next('error')).toMatchObject({ code: 'replaced' });
    await first.end();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    await second.next('job');
  });
});

describe('a job that came due', () => {
  it('is pushed by the next start when the backend stopped between the two', async () => {
    const data = await newData();
    const bundle = await newGateway(data, 'north');
    const first = await startOn(data);
    const token = await createToken(first.store, { name: 't', role: 'developer', expiresMs: null, nowMs: Date.now() });
    const stage = new Stage(data, first, token);
    const deviceTypeId = await stage.newDeviceType();
    // Nobody is connected: the job comes due in the database and nobody is told.
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    await first.close();
    const second = await startOn(data);
    const end = dial(second.linkPort, bundle);
    end.hello();
    expect(await end.next('job')).toMatchObject({ version: '1' });
    const due = await second.store.selectFrom('jobEvent').select('id').where('toState', '=', 'due').execute();
    expect(due).toHaveLength(1);
  });
});
