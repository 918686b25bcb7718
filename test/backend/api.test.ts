import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openPackage } from '../../codec/package/seal.ts';
import { readPublicKey } from '../../hardware/hsm/file.ts';
import type { JobView, UpdateView } from '../../backend/routes/schemas.ts';
import { revokeToken } from '../../backend/store/tokens.ts';
import { type ErrorAnswer, newStage, noise } from './stage.ts';

interface ListAnswer<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

describe('tokens', () => {
  it('let in the holder, and say which way they fail', async () => {
    const stage = await newStage();
    const expired = await stage.newToken('old', 'developer', Date.now() - 1);
    const revoked = await stage.newToken('lost');
    await revokeToken(stage.running.store, 'lost', Date.now());
    const ask = async (authorization?: string) => {
      const response = await fetch(`${stage.url}/v1/updates`, { headers: authorization ? { authorization } : {} });
      const { error } = (await response.json()) as Partial<ErrorAnswer>;
      return [response.status, error?.code];
    };
    expect(await ask(`Bearer ${stage.token}`)).toEqual([200, undefined]);
    expect(await ask()).toEqual([401, 'token-missing']);
    expect(await ask('Basic eDp5')).toEqual([401, 'token-missing']);
    expect(await ask('Bearer ')).toEqual([401, 'token-missing']);
    expect(await ask('Bearer carillon_wrong')).toEqual([401, 'token-unknown']);
    expect(await ask(`Bearer ${stage.token}x`)).toEqual([401, 'token-unknown']);
    expect(await ask(`Bearer ${expired}`)).toEqual([401, 'token-expired']);
    expect(await ask(`Bearer ${revoked}`)).toEqual([401, 'token-revoked']);
  });

  it('are stored only as a digest', async () => {
    const stage = await newStage();
    const rows = await stage.running.store.selectFrom('token').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(stage.token.slice('carillon_'.length));
    for (const file of ['carillon.db', 'carillon.db-wal'])
      expect((await readFile(join(stage.data, file))).includes(stage.token)).toBe(false);
  });

  it('of operators may schedule and withdraw but not upload', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    const update = await stage.newUpdate({ deviceTypeId, version: '1' });
    const headers = { authorization: `Bearer ${await stage.newToken('night', 'operator')}` };
    const post = async (path: string, body: unknown) => (await stage.request('POST', path, body, headers)).status;
    expect(await post('/v1/device-types', { vendor: 'v', name: 'n' })).toBe(403);
    const form = new FormData();
    form.set('version', '2');
    expect(await stage.request('POST', '/v1/updates', form, headers)).toMatchObject({
      status: 403,
      body: { error: { code: 'role-not-allowed' } },
    });
    expect(await post(`/v1/updates/${update.id}/schedule`, { at: 'now' })).toBe(200);
    expect(await post(`/v1/updates/${update.id}/withdraw`, {})).toBe(200);
  });
});

describe('the document', () => {
  it('is OpenAPI 3.1 and has every route, its answers and its refusals', async () => {
    const stage = await newStage();
    const document = (await (await fetch(`${stage.url}/openapi.json`)).json()) as {
      openapi: string;
      info: object;
      paths: Record<string, Record<string, { summary?: string; responses: object }>>;
    };
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Carillon backend' });
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes.filter((route) => route.includes('/v1/')).toSorted()).toEqual([
      'get /v1/device-types',
      'get /v1/gateways',
      'get /v1/jobs',
      'get /v1/link',
      'get /v1/updates',
      'get /v1/updates/{id}',
      'get /v1/updates/{id}/package',
      'post /v1/device-types',
      'post /v1/jobs/{id}/pause',
      'post /v1/jobs/{id}/resume',
      'post /v1/updates',
      'post /v1/updates/{id}/schedule',
      'post /v1/updates/{id}/withdraw',
    ]);
    const operations = Object.entries(document.paths)
      .filter(([path]) => path.startsWith('/v1'))
      .flatMap(([path, methods]) => Object.values(methods).map((operation) => ({ path, ...operation })));
    expect(operations.filter(({ summary, responses }) => summary === undefined || !('4XX' in responses))).toEqual([]);
    expect(JSON.stringify(document)).not.toContain('$ref":"undefined');
    expect((await fetch(`${stage.url}/docs/`)).status).toBe(200);
    expect(await (await fetch(`${stage.url}/healthz`)).json()).toMatchObject({ status: 'ok' });
  });
});

describe('device types', () => {
  it('are registered once, listed, and refused with a sentence', async () => {
    const stage = await newStage();
    const body = { vendor: 'example.org', name: 'Pi3', slotSizeBytes: 1000, hardwareRevisions: [2, 1] };
    const made = await stage.request<object>('POST', '/v1/device-types', body);
    expect(made).toMatchObject({ status: 201, body: { ...body, hardwareRevisions: [1, 2], lastSequence: 0 } });
    expect(await stage.request('POST', '/v1/device-types', body)).toMatchObject({
      status: 409,
      body: { error: { code: 'device-type-exists', message: 'example.org/Pi3 is registered already.' } },
    });
    for (const wrong of [
      {},
      { vendor: 'v' },
      { ...body, name: 'a/b' },
      { ...body, slotSizeBytes: 0 },
      { ...body, x: 1 },
    ])
      expect(await stage.request('POST', '/v1/device-types', wrong)).toMatchObject({
        status: 400,
        body: { error: { code: 'bad-request' } },
      });
    expect(await stage.request('POST', '/v1/device-types', { ...body, name: 'a\u202eb' })).toMatchObject({
      status: 422,
      body: { error: { code: 'field-invalid' } },
    });
    const list = await stage.request<ListAnswer<{ name: string }>>('GET', '/v1/device-types');
    expect(list.body.items.map(({ name }) => name)).toEqual(['Pi3']);
  });
});

describe('updates', () => {
  it('are packed, signed and numbered, and come back byte for byte', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    const content = noise(50_000);
    const update = await stage.newUpdate({ deviceTypeId, version: '1.0', notes: 'first\nline two' }, content);
    expect(update).toMatchObject({
      sequence: 1,
      state: 'unscheduled',
      approval: 'approved',
      author: 'token:test',
      encoding: 'full',
      sizes: { installedBytes: 50_000, fullBytes: 50_000 },
      forecast: { rds: { loss: 0.05, seconds90: expect.any(Number) }, rds2: { streams: expect.any(Array) } },
    });
    if (update.forecast === null) throw new Error('no forecast');
    const { rds, rds2 } = update.forecast;
    expect(rds.seconds50).toBeLessThan(rds.seconds90);
    expect(rds.seconds90).toBeLessThan(rds.seconds99);
    expect(rds2.seconds90).toBeLessThan(rds.seconds50 / 10);
    // Within the first two hours it makes no difference.
    expect(rds2.twoHoursADay).toEqual({
      seconds50: rds2.seconds50,
      seconds90: rds2.seconds90,
      seconds99: rds2.seconds99,
    });
    const response = await fetch(`${stage.url}/v1/updates/${update.id}/package`, {
      headers: { authorization: `Bearer ${stage.token}` },
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.length).toBe(update.sizes.onAirBytes);
    const opened = openPackage(bytes, [await readPublicKey(join(stage.data, 'release.pem'))]);
    if (opened.kind !== 'opened') throw new Error(opened.reason);
    expect(opened.manifest).toMatchObject({
      vendor: 'example.org',
      deviceType: 'Pi3',
      version: '1.0',
      sequence: 1,
      author: 'test',
    });
    expect(Buffer.compare(opened.payloadAt(0), content)).toBe(0);
  });

  it('are sent as a delta from the newest earlier version when that is smaller', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    const first = noise(100_000);
    const second = first.slice();
    second.set(noise(1000, 2), 40_000);
    await stage.newUpdate({ deviceTypeId, version: '1' }, first);
    const delta = await stage.newUpdate({ deviceTypeId, version: '2' }, second);
    expect(delta).toMatchObject({ encoding: 'delta', sequence: 2 });
    expect(delta.sizes.onAirBytes).toBeLessThan(2000);
    const full = await stage.newUpdate({ deviceTypeId, version: '3', encoding: 'full' }, second);
    expect(full).toMatchObject({ encoding: 'full', sequence: 3 });
    const unlike = await stage.newUpdate({ deviceTypeId, version: '4' }, noise(10_000, 9));
    expect(unlike.encoding).toBe('full');
    const several = await stage.newUpdate({ deviceTypeId, version: '5', bases: '1, 3', encoding: 'delta' }, second);
    expect(several.encoding).toBe('delta');
  });

  it('of apps have their own versions and bases', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType('Pi3', 10);
    await stage.newUpdate({ deviceTypeId, version: '1' }, 'image');
    const app = { deviceTypeId, version: '1', kind: 'app', name: 'player' };
    // Larger than the slot, which is no business of an app.
    expect(await stage.newUpdate(app, 'a larger app')).toMatchObject({ encoding: 'full', sequence: 2 });
    expect(await stage.upload({ ...app, encoding: 'delta', name: 'other' }, 'x')).toMatchObject({
      status: 422,
      body: { error: { code: 'delta-impossible' } },
    });
  });

  it('never give a sequence number twice, and it always rises', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    const made = await Promise.all(
      ['a', 'b', 'c', 'd'].map((version) => stage.newUpdate({ deviceTypeId, version }, version)),
    );
    expect(made.map(({ sequence }) => sequence).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    // A base that is not there fails before a number is taken; a manifest that can't be made fails after.
    await stage.upload({ deviceTypeId, version: 'e', bases: 'nope' }, 'e');
    expect((await stage.newUpdate({ deviceTypeId, version: 'f' }, 'f')).sequence).toBe(5);
  });

  it('are listed newest first, page by page', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    for (const version of ['1', '2', '3', '4', '5']) await stage.newUpdate({ deviceTypeId, version }, version);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await stage.request<ListAnswer<UpdateView>>('GET', `/v1/updates?limit=2${query}`);
      seen.push(...page.body.items.map(({ version }) => version));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual(['5', '4', '3', '2', '1']);
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'cursor=x', 'cursor=%27%20or%201'])
      expect(await stage.request('GET', `/v1/updates?${query}`)).toMatchObject({ status: 400 });
  });

  it('are scheduled, rescheduled and withdrawn for good', async () => {
    const stage = await newStage();
    await stage.newGateway('north');
    await stage.newGateway('south');
    const deviceTypeId = await stage.newDeviceType();
    const update = await stage.newUpdate({ deviceTypeId, version: '1' });
    const jobs = async () => {
      const { body } = await stage.request<ListAnswer<JobView>>('GET', `/v1/jobs?updateId=${update.id}`);
      return body.items.map(({ gateway, state }) => `${gateway} ${state}`).toSorted();
    };
    const post = (verb: string, body: unknown) =>
      stage.request<UpdateView & ErrorAnswer>('POST', `/v1/updates/${update.id}/${verb}`, body);
    expect(await jobs()).toEqual([]);
    const later = new Date(Date.now() + 3_600_000).toISOString();
    expect(await post('schedule', { at: later, gateways: ['north'], priority: 9 })).toMatchObject({
      status: 200,
      body: { state: 'planned', priority: 9, gateways: ['north'] },
    });
    expect(await jobs()).toEqual(['north planned']);
    expect(await post('schedule', { at: 'now', gateways: 'all' })).toMatchObject({
      status: 200,
      body: { state: 'live' },
    });
    expect(await jobs()).toEqual(['north due', 'south due']);
    // A later time takes it off the air until then.
    await post('schedule', { at: later });
    expect(await jobs()).toEqual(['north planned', 'north withdrawn', 'south planned', 'south withdrawn']);
    expect(await post('withdraw', { reason: 'It was wrong.' })).toMatchObject({ body: { state: 'withdrawn' } });
    expect(await jobs()).toEqual(['north withdrawn', 'north withdrawn', 'south withdrawn', 'south withdrawn']);
    expect(await post('schedule', { at: 'now' })).toMatchObject({
      status: 409,
      body: { error: { code: 'update-withdrawn' } },
    });
    // Without a body, and twice.
    expect((await stage.request('POST', `/v1/updates/${update.id}/withdraw`)).status).toBe(200);
    const audit = await stage.running.store.selectFrom('audit').select(['actor', 'action']).orderBy('id').execute();
    expect(audit.filter(({ actor }) => actor === 'token:test').map(({ action }) => action)).toEqual([
      'device-type.create',
      'update.create',
      'update.schedule',
      'update.schedule',
      'update.schedule',
      'update.withdraw',
    ]);
  });

  it('for all gateways also reach a gateway that is added later', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' }, 'one');
    await stage.newUpdate({ deviceTypeId, version: '2', scheduleTime: 'now' }, 'two');
    await stage.newGateway('late');
    await stage.running.tick();
    const { body } = await stage.request<ListAnswer<JobView>>('GET', '/v1/jobs');
    expect(body.items.map(({ gateway, version, state }) => `${gateway} ${version} ${state}`)).toEqual(['late 2 due']);
  });

  it('never claim more than on air', async () => {
    const stage = await newStage();
    await stage.newGateway('north');
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const { body } = await stage.request<ListAnswer<JobView>>('GET', '/v1/jobs?state=due&gateway=north');
    expect(body.items[0]?.facts).toEqual({
      onAir: null,
      received: null,
      written: null,
      running: null,
      confirmed: null,
    });
  });
});
