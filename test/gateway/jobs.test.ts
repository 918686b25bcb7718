import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isUsableJobId, JOB_STATES, JOB_TABLE, type JobEvent, JobList } from '../../gateway/jobs.ts';
import { type Folder, jobFor, newFolder } from './station.ts';

const BYTES = Uint8Array.of(1, 2, 3);
let folder: Folder;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(async () => {
  await folder.remove();
});

describe('the job list', () => {
  it('has these transitions and no others', () => {
    const events: JobEvent[] = ['accepted', 'refused', 'first-group', 'deadline', 'superseded', 'damaged'];
    const table = JOB_STATES.map(
      (state) => `${state}: ${events.map((event) => JOB_TABLE[state][event] ?? '-').join(' ')}`,
    );
    expect(table).toEqual([
      'wanted: stored refused - finished finished -',
      'stored: - - on-air finished finished wanted',
      'on-air: - - - finished finished wanted',
      'refused: - - - finished - -',
      'finished: - - - - - -',
    ]);
  });

  it('is on disk before it says so', async () => {
    const list = await JobList.load(folder.path);
    await list.put(jobFor('j1', BYTES));
    await Promise.all([list.put(jobFor('j2', BYTES)), list.apply('j1', 'accepted'), list.put(jobFor('j3', BYTES))]);
    const again = await JobList.load(folder.path);
    expect(again.all().map(({ job, state }) => [job.jobId, state])).toEqual([
      ['j1', 'stored'],
      ['j2', 'wanted'],
      ['j3', 'wanted'],
    ]);
    expect(again.get('j1')?.job).toEqual(jobFor('j1', BYTES));
  });

  it('keeps the state when priority or deadline change, and begins anew with another package', async () => {
    const list = await JobList.load(folder.path);
    await list.put(jobFor('j1', BYTES));
    await list.apply('j1', 'accepted');
    expect((await list.put(jobFor('j1', BYTES, { priority: 9 }))).state).toBe('stored');
    expect((await list.put(jobFor('j1', Uint8Array.of(9)))).state).toBe('wanted');
  });

  it('takes back what could not be written', async () => {
    const list = await JobList.load(folder.path);
    await list.put(jobFor('j1', BYTES));
    await rm(folder.path, { recursive: true });
    await expect(list.apply('j1', 'accepted')).rejects.toThrow('ENOENT');
    await expect(list.put(jobFor('j2', BYTES))).rejects.toThrow('ENOENT');
    expect(list.all().map(({ job, state }) => [job.jobId, state])).toEqual([['j1', 'wanted']]);
  });

  it('takes over the list of version 0.1.0: deadlines were promised, and nothing is replaced before the backend says so', async () => {
    const { target: _t, windows: _w, paused: _p, ...rest } = jobFor('j1', BYTES, { deadlineMs: 9 });
    const old = { ...rest, packageSha256: rest.packageSha256.toHex(), state: 'on-air', detail: '' };
    await writeFile(
      folder.file('jobs.json'),
      JSON.stringify({ format: 1, jobs: [old, { ...old, jobId: 'j2', deadlineMs: 0 }] }),
    );
    const [j1, j2] = (await JobList.load(folder.path)).all();
    expect(j1).toMatchObject({ promised: true, job: { target: 'unknown/j1', windows: [], paused: false } });
    expect(j2).toMatchObject({ promised: false, job: { target: 'unknown/j2' } });
  });

  it('keeps windows, pause and promise, and takes no window that is none', async () => {
    const windows = [{ fromMinute: 60, toMinute: 90 }];
    const list = await JobList.load(folder.path);
    const known = await list.put(jobFor('j1', BYTES, { windows, paused: true, deadlineMs: 9 }), true);
    expect((await JobList.load(folder.path)).get('j1')).toEqual(known);
    const text = await readFile(folder.file('jobs.json'), 'utf8');
    await writeFile(folder.file('jobs.json'), text.replace('"toMinute": 90', '"toMinute": 60'));
    await expect(JobList.load(folder.path)).rejects.toThrow('no window of a day');
  });

  it('says when its file is damaged, and leaves it', async () => {
    await writeFile(folder.file('jobs.json'), '{"format":1,"jobs":[{"jobId":"../x"}]}');
    await expect(JobList.load(folder.path)).rejects.toThrow('is damaged');
    expect(await readFile(folder.file('jobs.json'), 'utf8')).toContain('../x');
  });

  it('takes no job id that could leave its folder', () => {
    for (const wrong of ['', '.', '..', '../x', 'a/b', 'a\0', '-x', 'x'.repeat(101)])
      expect(isUsableJobId(wrong)).toBe(false);
    for (const right of ['j1', '0b5c-11.x_Y']) expect(isUsableJobId(right)).toBe(true);
  });
});
