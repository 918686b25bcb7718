/** The pairs: two versions of the same thing, as Debian and npm publish them. */

import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Apt, type Architecture, type Suite } from './apt.ts';
import { run } from './run.ts';

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'carillon-bench', 'delta');

export interface Pair {
  readonly name: string;
  /** Bytes of the patch that ours must not exceed, and what bsdiff + xz made of the same pair when that was measured. */
  readonly bar?: { readonly bytes: number; readonly bsdiffBytes?: number };
  /** Makes the files `old` and `new` in this folder. */
  readonly build: (folder: string) => void;
}

export interface BuiltPair {
  readonly oldPath: string;
  readonly newPath: string;
}

/** Built once and kept: remove the folder to build anew. */
export function buildPair(pair: Pair): BuiltPair {
  const folder = join(CACHE, 'pairs', pair.name);
  if (!existsSync(folder)) {
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    pair.build(partial);
    for (const file of ['old', 'new'])
      if (!existsSync(join(partial, file))) throw new Error(`${pair.name}: no file ${file} was made`);
    renameSync(partial, folder);
  }
  return { oldPath: join(folder, 'old'), newPath: join(folder, 'new') };
}

const opened = new Map<string, Apt>();
function apt(suite: Suite, architecture: Architecture): Apt {
  const key = `${suite}-${architecture}`;
  const known = opened.get(key) ?? Apt.open(CACHE, suite, architecture);
  opened.set(key, known);
  return known;
}

const VERSIONS: readonly (readonly [file: 'old' | 'new', suite: Suite])[] = [
  ['old', 'main'],
  ['new', 'security'],
];

/** One file of a package, or with `path` empty all of it as a tar archive. */
function fromPackage(
  folder: string,
  architecture: Architecture,
  name: string | ((apt: Apt) => string),
  path: RegExp | 'tar',
): void {
  for (const [file, suite] of VERSIONS) {
    const source = apt(suite, architecture);
    const own = typeof name === 'string' ? name : name(source);
    const work = join(folder, `work-${file}`);
    const deb = source.download(own, work);
    writeFileSync(join(folder, `${file}.version`), `${own} ${source.candidate(own)}\n`);
    if (path === 'tar') run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" > "$2"', 'sh', deb, join(folder, file)]);
    else {
      run('dpkg-deb', ['-x', deb, join(work, 'tree')]);
      const found = filesUnder(join(work, 'tree')).find((entry) => path.test(entry));
      if (found === undefined) throw new Error(`${own} has no file like ${path}`);
      cpSync(found, join(folder, file));
    }
    rmSync(work, { recursive: true });
  }
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What a device might run, besides what Debian calls required. */
const DEVICE_PACKAGES = [
  ...['systemd-sysv', 'udev', 'iproute2', 'python3', 'openssl', 'openssh-server', 'curl', 'ca-certificates', 'less'],
];
/** Left out, as the slim images of Debian do. */
const NOT_ON_A_DEVICE = ['doc', 'info', 'locale', 'man', 'lintian'];

function tree(architecture: Architecture, suite: Suite): string {
  const folder = join(CACHE, 'trees', `${suite}-${architecture}`);
  if (existsSync(folder)) return folder;
  const source = apt(suite, architecture);
  const names = [...source.priorities(['required']), ...DEVICE_PACKAGES];
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const deb of source.downloadWithDependencies(names)) run('dpkg-deb', ['-x', deb, partial]);
  for (const name of NOT_ON_A_DEVICE) rmSync(join(partial, 'usr/share', name), { recursive: true, force: true });
  renameSync(partial, folder);
  return folder;
}

const TAR_OPTIONS = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

function rootfsTar(folder: string, architecture: Architecture): void {
  for (const [file, suite] of VERSIONS)
    run('tar', [...TAR_OPTIONS, '-cf', join(folder, file), '-C', tree(architecture, suite), '.']);
}

const IMAGE_UUID = '6a2f1a1e-5e0f-4a0e-9d0c-0d3b9f6f7c11';
const BUILT_SECONDS = { old: '1767225600', new: '1777225600' };

function rootfsExt4(folder: string, architecture: Architecture, sizeMebibytes: number): void {
  for (const [file, suite] of VERSIONS)
    run(
      'mke2fs',
      [
        '-q',
        '-t',
        'ext4',
        '-d',
        tree(architecture, suite),
        '-U',
        IMAGE_UUID,
        '-E',
        `hash_seed=${IMAGE_UUID}`,
        join(folder, file),
        `${sizeMebibytes}M`,
      ],
      {
        environment: { E2FSPROGS_FAKE_TIME: BUILT_SECONDS[file] },
      },
    );
}

function rootfsSquashfs(folder: string, architecture: Architecture): void {
  for (const [file, suite] of VERSIONS)
    run(
      'mksquashfs',
      [
        tree(architecture, suite),
        join(folder, file),
        '-all-root',
        '-noappend',
        '-no-progress',
        '-mkfs-time',
        BUILT_SECONDS[file],
      ],
      { quiet: true },
    );
}

/** Not compressed; all files have the time of the build, as image builders with SOURCE_DATE_EPOCH do, so that inodes are the short ones. */
function rootfsErofs(folder: string, architecture: Architecture): void {
  for (const [file, suite] of VERSIONS)
    run(
      'mkfs.erofs',
      [
        ...['--quiet', '--all-root', '-x-1', `-T${BUILT_SECONDS[file]}`, `-U${IMAGE_UUID}`],
        ...[join(folder, file), tree(architecture, suite)],
      ],
      { quiet: true },
    );
}

/** A small image with real files; in the new one some were changed in place, as a device's configuration is. */
function fewFiles(folder: string): void {
  const source = tree('arm64', 'main');
  const content = join(folder, 'content');
  cpSync(join(source, 'usr/lib/python3.11'), join(content, 'lib'), { recursive: true });
  cpSync(join(source, 'etc'), join(content, 'etc'), { recursive: true, verbatimSymlinks: true });
  run(
    'mke2fs',
    ['-q', '-t', 'ext4', '-d', content, '-U', IMAGE_UUID, '-E', `hash_seed=${IMAGE_UUID}`, join(folder, 'old'), '64M'],
    {
      environment: { E2FSPROGS_FAKE_TIME: BUILT_SECONDS.old },
    },
  );
  cpSync(join(folder, 'old'), join(folder, 'new'));
  const files = ['motd', 'issue.conf', 'device.conf'].map((name, k) => {
    const path = join(folder, name);
    writeFileSync(path, `# ${name}\nrelease=${k + 7}\nchannel=stable\n`);
    return `write ${path} /etc/${name}`;
  });
  run('debugfs', ['-w', '-f', '-', join(folder, 'new')], {
    input: `${files.join('\n')}\nquit\n`,
    quiet: true,
    environment: { E2FSPROGS_FAKE_TIME: BUILT_SECONDS.new },
  });
  rmSync(content, { recursive: true });
}

/** Uncompressed archives of two releases. withDependencies: as they are installed, in one archive. */
function fromNpm(folder: string, name: string, versions: readonly [string, string], withDependencies: boolean): void {
  for (const [k, file] of (['old', 'new'] as const).entries()) {
    const work = join(folder, `work-${file}`);
    mkdirSync(work, { recursive: true });
    const release = `${name}@${versions[k] ?? ''}`;
    writeFileSync(join(folder, `${file}.version`), `${release}\n`);
    if (withDependencies) {
      writeFileSync(join(work, 'package.json'), '{"private":true}\n');
      run('npm', ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', release], {
        quiet: true,
        folder: work,
      });
      run('tar', [...TAR_OPTIONS, '--mtime=@0', '-cf', join(folder, file), '-C', join(work, 'node_modules'), '.']);
    } else {
      run('npm', ['pack', '--silent', release], { quiet: true, folder: work });
      run('sh', ['-c', 'gzip -dc "$1"/*.tgz > "$2"', 'sh', work, join(folder, file)]);
    }
    rmSync(work, { recursive: true });
  }
}

const numbersIn = (name: string): number[] => (name.match(/\d+/g) ?? []).map(Number);

/** The kernel of AArch64 with the highest number that this view of apt offers. */
function kernel(source: Apt): string {
  const names = source.names(/^linux-image-\d[\d.]*-\d+-arm64$/);
  names.sort((a, b) => {
    const [x, y] = [numbersIn(a), numbersIn(b)];
    const k = x.findIndex((value, index) => value !== y[index]);
    return k < 0 ? 0 : (x[k] ?? 0) - (y[k] ?? 0);
  });
  return names.at(-1) ?? 'linux-image-arm64';
}

export const PAIRS: readonly Pair[] = [
  {
    name: 'libcrypto-amd64',
    bar: { bytes: 24_006, bsdiffBytes: 166_236 },
    build: (f) => fromPackage(f, 'amd64', 'libssl3', /libcrypto\.so\.3$/),
  },
  {
    name: 'libcrypto-arm64',
    bar: { bytes: 22_070, bsdiffBytes: 139_670 },
    build: (f) => fromPackage(f, 'arm64', 'libssl3', /libcrypto\.so\.3$/),
  },
  { name: 'libcrypto-armhf', build: (f) => fromPackage(f, 'armhf', 'libssl3', /libcrypto\.so\.3$/) },
  {
    name: 'python-amd64',
    bar: { bytes: 391_981, bsdiffBytes: 785_963 },
    build: (f) => fromPackage(f, 'amd64', 'python3.11-minimal', /bin\/python3\.11$/),
  },
  { name: 'python-armhf', build: (f) => fromPackage(f, 'armhf', 'python3.11-minimal', /bin\/python3\.11$/) },
  {
    name: 'libnode-amd64',
    bar: { bytes: 14_840, bsdiffBytes: 663_967 },
    build: (f) => fromPackage(f, 'amd64', 'libnode108', /libnode\.so\.108$/),
  },
  { name: 'kernel-arm64', bar: { bytes: 335_580 }, build: (f) => fromPackage(f, 'arm64', kernel, /boot\/vmlinuz-/) },
  { name: 'npm-release', bar: { bytes: 7189 }, build: (f) => fromNpm(f, 'npm', ['10.9.0', '10.9.1'], false) },
  { name: 'node-red', bar: { bytes: 37_649 }, build: (f) => fromNpm(f, 'node-red', ['4.0.8', '4.0.9'], true) },
  { name: 'ca-certificates', bar: { bytes: 17_392 }, build: (f) => fromPackage(f, 'amd64', 'ca-certificates', 'tar') },
  { name: 'few-files-ext4', bar: { bytes: 219 }, build: fewFiles },
  { name: 'rootfs-arm64-tar', bar: { bytes: 292_132, bsdiffBytes: 854_845 }, build: (f) => rootfsTar(f, 'arm64') },
  { name: 'rootfs-amd64-tar', bar: { bytes: 644_157 }, build: (f) => rootfsTar(f, 'amd64') },
  { name: 'rootfs-arm64-ext4', bar: { bytes: 644_514 }, build: (f) => rootfsExt4(f, 'arm64', 256) },
  { name: 'rootfs-arm64-erofs', bar: { bytes: 531_752 }, build: (f) => rootfsErofs(f, 'arm64') },
  { name: 'rootfs-amd64-squashfs', build: (f) => rootfsSquashfs(f, 'amd64') },
];

export function sizeOf(path: string): number {
  return statSync(path).size;
}
