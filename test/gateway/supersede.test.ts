import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayMessage, Job } from '#codec/messages/link.ts';
import { Intake } from '../../gateway/intake.ts';
import { JobList, type KnownJob } from '../../gateway/jobs.ts';
import { PackageStore } from '../../gateway/packages.ts';
import { hasNewerWanted, supersederOf } from '../../gateway/supersede.ts';
import { type Folder, jobFor, newFolder, newKey, newPackage, type TestKey } from './station.ts';

const NOTHING = Uint8Array.of(1);

function known(sequence: number, state: KnownJob['state'], more: Partial<Job> = {}): KnownJob {
  const job = jobFor(`${sequence} ${state}`, NOTHING, { sequence, version: `1.${sequence}`, ...more });
  return { job, state, detail: '', promised: false };
}

describe('a job is superseded', () => {
  const older = known(4, 'on-air');
  const table: [what: string, other: KnownJob, superseded: boolean][] = [
    ['by a newer one that is stored', known(5, 'stored'), true],
    ['by a newer one that is on air', known(5, 'on-air'), true],
    ['by a newer one outside its window', known(5, 'stored', { windows: [{ fromMinute: 0, toMinute: 1 }] }), true],
    ['not by one that is still to be fetched', known(5, 'wanted'), false],
    ['not by one that was refused', known(5, 'refused'), false],
    ['not by one that is over', known(5, 'finished'), false],
    ['not by one that is paused', known(5, 'stored', { paused: true }), false],
    ['not by the same sequence, another package of the same update', known(4, 'stored'), false],
    ['not by an older one', known(3, 'stored'), false],
    ['not by one for another target', known(5, 'stored', { target: 'app/clock' }), false],
    ['not by one for another device type', known(5, 'stored', { deviceType: 'lamp' }), false],
    ['not by one of another vendor', known(5, 'stored', { vendor: 'example.com' }), false],
  ];
  it.each(table)('%s', (_what, other, superseded) => {
    expect(supersederOf(older, [older, other]) === other).toBe(superseded);
  });

  it('by the newest of several', () => {
    const newest = known(7, 'stored');
    expect(supersederOf(older, [known(5, 'stored'), newest, known(6, 'stored')])).toBe(newest);
  });

  it('and is not fetched while a newer one is wanted', () => {
    expect(hasNewerWanted(known(4, 'wanted'), [known(5, 'wanted')])).toBe(true);
    expect(hasNewerWanted(known(4, 'wanted'), [known(5, 'refused'), known(4, 'wanted'), known(3, 'wanted')])).toBe(
      false,
    );
    expect(hasNewerWanted(known(4, 'wanted'), [known(5, 'wanted', { paused: true })])).toBe(false);
  });
});

describe('the intake', () => {
  let key: TestKey;
  let folder: Folder;
  let jobs: JobList;
  let packages: PackageStore;
  let intake: Intake;
  let sent: GatewayMessage[];
  let air: string[];
  let refusal: string | undefined;
  const bytesOf = new Map<string, Uint8Array>();

  beforeAll(() => {
    key = newKey();
  });
  beforeEach(async () => {
    folder = await newFolder();
    jobs = await JobList.load(folder.path);
    packages = await PackageStore.open(folder.path, [key.publicKey]);
    sent = [];
    air = [];
    refusal = undefined;
    intake = new Intake({
      jobs,
      packages,
      refusalOf: () => refusal,
      onHeld: ({ job }) => air.push(`+${job.jobId}`),
      onChanged: ({ job }) => air.push(`~${job.jobId}`),
      onGone: (jobId) => air.push(`-${jobId}`),
      onEvent: () => {},
      retryMs: 60_000,
    });
    intake.connected(
      (message) => sent.push(message),
      () => {},
    );
  });
  afterEach(async () => {
    intake.disconnected();
    await intake.close();
    await packages.close();
    await folder.remove();
  });

  async function offer(sequence: number, more: Partial<Job> = {}): Promise<Job> {
    const bytes = await newPackage(key, 500, { sequence });
    const job = jobFor(more.jobId ?? `j${sequence}`, bytes, { sequence, version: `1.${sequence}`, ...more });
    bytesOf.set(job.jobId, bytes);
    await intake.take(job);
    await intake.take({ kind: 'current', jobIds: [...jobs.all().map((one) => one.job.jobId), job.jobId] });
    return job;
  }

  /** Gives every package that is asked for. */
  async function serve(): Promise<void> {
    for (const message of sent)
      if (message.kind === 'want')
        await intake.take({
          kind: 'piece',
          jobId: message.jobId,
          offsetBytes: 0,
          bytes: bytesOf.get(message.jobId) ?? NOTHING,
        });
  }

  function wants(): string[] {
    return sent.flatMap((message) => (message.kind === 'want' ? [message.jobId] : []));
  }

  function said(): string[] {
    return sent.flatMap((message) =>
      message.kind === 'receipt' ? [`${message.jobId} ${message.state} ${message.detail}`.trim()] : [],
    );
  }

  it('takes the older one off when the newer one is held, not before, and says so first', async () => {
    await offer(1);
    await serve();
    await intake.onAir('j1');
    await offer(2);
    expect(air).toEqual(['+j1']);
    expect(jobs.get('j1')?.state).toBe('on-air');
    await serve();
    expect(air).toEqual(['+j1', '+j2', '-j1']);
    expect(said().slice(2)).toEqual(['j1 finished Superseded by version 1.2 (sequence 2).', 'j2 stored']);
    expect(jobs.get('j1')).toMatchObject({ state: 'finished', detail: 'Superseded by version 1.2 (sequence 2).' });
    expect(await packages.load(jobFor('j1', NOTHING))).toBeUndefined();
    // Asked again, it says the same, and nothing comes back on air.
    sent = [];
    await intake.take(await offer(1));
    expect(said().at(-1)).toBe('j1 finished Superseded by version 1.2 (sequence 2).');
    expect(air.length).toBe(3);
  });

  it('does not fetch what comes after a newer one that is held', async () => {
    await offer(2);
    await serve();
    sent = [];
    await offer(1);
    expect(said()).toEqual(['j1 finished Superseded by version 1.2 (sequence 2).']);
    expect(sent.some(({ kind }) => kind === 'want')).toBe(false);
  });

  it('falls back to the older one when the newer one is refused', async () => {
    const [one, two] = await Promise.all([newPackage(key, 500), newPackage(newKey(), 500, { sequence: 2 })]);
    await intake.take(jobFor('j1', one));
    await intake.take(jobFor('j2', two, { sequence: 2 }));
    bytesOf.set('j1', one);
    bytesOf.set('j2', two);
    await intake.take({ kind: 'current', jobIds: ['j1', 'j2'] });
    expect(wants()).toEqual(['j2']);
    await serve();
    expect(said().map((text) => text.split(' ', 2).join(' '))).toEqual(['j2 refused', 'j1 stored']);
  });

  it('leaves the older one on air while the newer one is paused', async () => {
    await offer(1);
    await serve();
    const paused = await offer(2, { paused: true });
    await serve();
    expect(air).toEqual(['+j1', '+j2']);
    await intake.take({ ...paused, paused: false });
    expect(air).toEqual(['+j1', '+j2', '~j2', '-j1']);
  });

  it('goes on to the next when what it was fetching is replaced', async () => {
    const paused = await offer(2, { paused: true });
    await serve();
    await offer(1);
    await offer(1, { jobId: 'other', deviceType: 'another' });
    expect(wants()).toEqual(['j2', 'j1']);
    await intake.take({ ...paused, paused: false });
    expect(wants()).toEqual(['j2', 'j1', 'other']);
  });

  it('ends after a start what was superseded when the power failed', async () => {
    await jobs.put(jobFor('j1', NOTHING));
    await jobs.put(jobFor('j2', NOTHING, { sequence: 2 }));
    for (const jobId of ['j1', 'j2']) await jobs.apply(jobId, 'accepted');
    await intake.supersede();
    expect(jobs.all().map(({ state }) => state)).toEqual(['finished', 'stored']);
  });

  it('refuses a deadline that cannot be kept before it fetches anything, and forgets the job', async () => {
    refusal = 'Refused: a share of 0.4 would do.';
    await offer(1, { deadlineMs: 9e12 });
    expect(said()).toEqual(['j1 refused Refused: a share of 0.4 would do.']);
    expect(sent.length).toBe(1);
    expect(jobs.all()).toEqual([]);
    expect(intake.counts.refused).toBe(1);
  });

  it('never refuses later what it accepted: another deadline that cannot be kept is no promise', async () => {
    const job = await offer(1, { deadlineMs: 9e12 });
    await serve();
    expect(jobs.get('j1')?.promised).toBe(true);
    refusal = 'Refused: no share would do.';
    await intake.take(job);
    await intake.take({ ...job, paused: true });
    expect(jobs.get('j1')).toMatchObject({ promised: true, state: 'stored' });
    await intake.take({ ...job, deadlineMs: 8e12 });
    expect(jobs.get('j1')).toMatchObject({ promised: false, state: 'stored' });
    expect(said().some((text) => text.includes('refused'))).toBe(false);
    // Found again after a restart.
    expect((await JobList.load(folder.path)).get('j1')).toMatchObject({
      promised: false,
      job: { deadlineMs: 8e12, paused: false },
    });
  });
});
