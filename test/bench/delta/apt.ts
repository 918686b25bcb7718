/**
 * Packages by name, with the machine's own sources of Debian, in a private folder: the machine's package state is not touched. Two views:
 * `main` is the stable suite as released, `security` is all of its suites together.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

export type Suite = 'main' | 'security';
export type Architecture = 'amd64' | 'arm64' | 'armhf';

const SOURCES = '/etc/apt/sources.list.d';

/** Stanzas of the machine's own sources (deb822) that Debian has signed. */
function debianStanzas(): string[] {
  return readdirSync(SOURCES)
    .filter((name) => name.endsWith('.sources'))
    .flatMap((name) => readFileSync(join(SOURCES, name), 'utf8').split(/\n\s*\n/))
    .map((stanza) => stanza.replaceAll(/^#.*\n/gm, ''))
    .filter((stanza) => /debian-archive-keyring/.test(stanza));
}

/** Only the suite itself for `main`: not its updates, not security. */
export function stanzasOf(stanzas: readonly string[], suite: Suite): string[] {
  if (suite === 'security') return [...stanzas];
  return stanzas.flatMap((stanza) => {
    const names = /^Suites:(.*)$/m.exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    const plain = names.filter((name) => !name.includes('-'));
    return plain.length === 0 ? [] : [stanza.replace(/^Suites:.*$/m, `Suites: ${plain.join(' ')}`)];
  });
}

export class Apt {
  readonly #options: string[];
  readonly #folder: string;

  private constructor(folder: string, architecture: Architecture) {
    this.#folder = folder;
    const settings = {
      'Dir::State': join(folder, 'state'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Cache': join(folder, 'cache'),
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': join(folder, 'sources'),
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      'APT::Sandbox::User': 'root',
      'APT::Install-Recommends': 'false',
      'Debug::NoLocking': 'true',
    };
    this.#options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  }

  static open(cache: string, suite: Suite, architecture: Architecture): Apt {
    const folder = join(cache, 'apt', `${suite}-${architecture}`);
    for (const part of ['state/lists/partial', 'cache/archives/partial', 'sources'])
      mkdirSync(join(folder, part), { recursive: true });
    const stanzas = stanzasOf(debianStanzas(), suite);
    if (stanzas.length === 0)
      throw new Error(`no sources of Debian in ${SOURCES} (deb822 files signed by its keyring)`);
    writeFileSync(join(folder, 'sources/debian.sources'), `${stanzas.join('\n\n')}\n`);
    writeFileSync(join(folder, 'status'), '');
    const apt = new Apt(folder, architecture);
    run('apt-get', [...apt.#options, 'update'], { quiet: true });
    return apt;
  }

  /** What apt would install, of all versions it knows. */
  candidate(name: string): string {
    const policy = run('apt-cache', [...this.#options, 'policy', name], { quiet: true });
    const version = /^ {2}Candidate: (\S+)$/m.exec(policy)?.[1];
    if (version === undefined || version === '(none)') throw new Error(`apt offers no package ${name}`);
    return version;
  }

  names(pattern: RegExp): string[] {
    return run('apt-cache', [...this.#options, 'pkgnames'], { quiet: true })
      .split('\n')
      .filter((name) => pattern.test(name));
  }

  /** Names of all packages of these priorities. */
  priorities(wanted: readonly string[]): string[] {
    const stanzas = run('apt-cache', [...this.#options, 'dumpavail'], { quiet: true }).split('\n\n');
    return stanzas
      .filter((stanza) => wanted.includes(/^Priority: (.*)$/m.exec(stanza)?.[1] ?? ''))
      .map((stanza) => /^Package: (.*)$/m.exec(stanza)?.[1] ?? '')
      .filter((name) => name !== '');
  }

  /** Files of these packages and of all they depend on. */
  downloadWithDependencies(names: readonly string[]): string[] {
    const archives = join(this.#folder, 'cache/archives');
    const archived = (): string[] => readdirSync(archives).filter((name) => name.endsWith('.deb'));
    for (const name of archived()) rmSync(join(archives, name));
    run('apt-get', [...this.#options, '-y', '-qq', '--download-only', 'install', ...new Set(names)], { quiet: true });
    return archived()
      .map((name) => join(archives, name))
      .sort();
  }

  download(name: string, folder: string): string {
    mkdirSync(folder, { recursive: true });
    run('apt-get', [...this.#options, 'download', `${name}=${this.candidate(name)}`], { quiet: true, folder });
    const file = readdirSync(folder).find((entry) => entry.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt has not downloaded ${name}`);
    return join(folder, file);
  }
}
