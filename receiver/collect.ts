/** `receiver collect`: groups in, packages out. A filter that can be killed at any time and goes on where it was. */

import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { hexOf } from '#codec/groups/carry.ts';
import { type DirectoryEntry, deviceTypeTag } from '#codec/groups/directory.ts';
import { parseHexLine } from '#codec/groups/hex.ts';
import { ByteWriter, linesOf, openBytes } from '#hardware/file/bytes.ts';
import { type CollectEvent, CollectStore } from './collect-store.ts';

/** As they come from the command line. */
export interface CollectOptions {
  readonly input?: string;
  readonly state?: string;
  readonly output?: string;
  readonly file?: string;
  readonly deviceType?: string;
}

export interface StandardStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

const DONE = 0;
const FAILED = 1;
const USAGE = 2;
const INCOMPLETE = 4;

class Usage extends Error {}

interface Settings {
  readonly folder: string;
  readonly file: string;
  readonly wants: ((entry: DirectoryEntry) => boolean) | undefined;
}

function parseSettings(options: CollectOptions): Settings {
  if ((options.input ?? 'hex') !== 'hex') throw new Usage(`collect reads -i hex, not ${options.input}.`);
  if ((options.output ?? 'json') !== 'json') throw new Usage(`collect writes -o json, not ${options.output}.`);
  if (options.state === undefined || options.state === '') throw new Usage('Say where to keep things: --state DIR.');
  let wants: Settings['wants'];
  if (options.deviceType !== undefined) {
    const [vendor, name, ...rest] = options.deviceType.split('/');
    if (vendor === '' || name === undefined || name === '' || rest.length > 0) {
      throw new Usage(`--device-type is VENDOR/NAME, not ${options.deviceType}.`);
    }
    const tag = deviceTypeTag(vendor, name);
    wants = (entry) => entry.deviceTypeTag === tag;
  }
  return { folder: options.state, file: options.file ?? '-', wants };
}

/** Makes the JSON lines. Progress of an object is told when it has grown by a hundredth. */
class Report {
  readonly #told = new Map<string, number>();

  lineOf(event: CollectEvent): string {
    switch (event.kind) {
      case 'tuned': {
        const { pi, groupTypeCode } = event.tuning;
        return line({ event: 'tuned', pi: pi.toString(16).toUpperCase().padStart(4, '0'), groupTypeCode });
      }
      case 'directory':
        return line({
          event: 'directory',
          version: event.directory.version,
          entries: event.entries.map((entry) => ({
            handle: entry.handle,
            identity: hexOf(entry.identity),
            deviceTypeTag: entry.deviceTypeTag.toString(16).padStart(8, '0'),
            sizeBytes: entry.sizeBytes,
            deadline: entry.deadlineMinutes === 0 ? null : new Date(entry.deadlineMinutes * 60_000).toISOString(),
            wanted: entry.wanted,
          })),
        });
      case 'progress': {
        const identity = hexOf(event.identity);
        const { rank, needed, groupsUsed, blocksSolved, blocks } = event.progress;
        const hundredths = Math.floor((100 * rank) / needed);
        if (this.#told.get(identity) === hundredths) return '';
        this.#told.set(identity, hundredths);
        return line({
          event: 'progress',
          identity,
          symbols: rank,
          symbolsNeeded: needed,
          groupsUsed,
          blocksSolved,
          blocks,
        });
      }
      case 'package': {
        const { identity, sha256Hex, path, sizeBytes } = event.stored;
        return line({ event: 'package', identity: hexOf(identity), sha256: sha256Hex, file: path, sizeBytes });
      }
      case 'withdrawn':
        return line({ event: 'withdrawn', identity: hexOf(event.identity) });
    }
    return event satisfies never;
  }
}

function line(value: Record<string, unknown>): string {
  return `${JSON.stringify(value)}\n`;
}

async function collect(settings: Settings, { stdin, stdout, stderr }: StandardStreams): Promise<number> {
  const { folder, file, wants } = settings;
  const input = await openBytes(file, stdin);
  const writer = await ByteWriter.open('-', stdout);
  const report = new Report();
  const { store, events } = CollectStore.open(folder, wants === undefined ? {} : { wants });
  const timer = setInterval(() => {
    try {
      store.tick();
    } catch (error) {
      // Whoever waits for the next line gets it.
      input.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }, 500);
  try {
    const { records, tornBytes, skippedBytes } = store.opened;
    if (tornBytes + skippedBytes > 0) {
      stderr.write(`reception.log: ${tornBytes} torn bytes cut off, ${skippedBytes} damaged bytes passed over\n`);
    }
    if (records > 0) stderr.write(`going on from ${records} records of earlier reception\n`);
    let text = events.map((event) => report.lineOf(event)).join('');
    let lines = 0;
    let badLines = 0;
    for await (const hexLine of linesOf(input)) {
      lines++;
      const parsed = parseHexLine(hexLine);
      if (parsed.kind === 'fault') badLines++;
      if (parsed.kind === 'group') for (const event of store.push(parsed.group)) text += report.lineOf(event);
      if (text !== '') await writer.write(text);
      text = '';
    }
    for (const event of store.endOfInput()) text += report.lineOf(event);
    const missing = store.missing();
    const packages = store.packages().length;
    const { drops, faults, dataGroups } = store.status();
    const complete = packages > 0 && (missing === undefined || missing.length === 0);
    const counts = { lines, badLines, dataGroups, drops: withoutZeros(drops), faults: withoutZeros(faults) };
    text += line({
      event: 'end',
      complete,
      packages,
      missing: missing?.map(({ identity }) => hexOf(identity)) ?? null,
      ...counts,
    });
    await writer.write(text);
    await writer.end();
    stderr.write(complete ? `complete: ${packages} packages in ${folder}/packages\n` : summary(missing, packages));
    return complete ? DONE : INCOMPLETE;
  } finally {
    clearInterval(timer);
    store.close();
  }
}

function summary(missing: readonly DirectoryEntry[] | undefined, packages: number): string {
  if (missing === undefined) return 'incomplete: no directory was heard yet; what was heard is kept, listen on\n';
  if (missing.length === 0) return 'incomplete: nothing in the directory is wanted and no package is here; listen on\n';
  return `incomplete: ${missing.length} objects are missing and ${packages} packages are here; what was heard is kept, listen on\n`;
}

function withoutZeros(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

/** Returns the exit status: 0 all there, 1 failed, 2 wrong usage, 4 not complete yet. */
export async function runCollect(options: CollectOptions, streams: StandardStreams = process): Promise<number> {
  for (const [value, choice] of [
    [options.input, 'hex'],
    [options.output, 'json'],
  ]) {
    if (value !== 'help') continue;
    streams.stdout.write(`${choice}\n`);
    return DONE;
  }
  try {
    return await collect(parseSettings(options), streams);
  } catch (error) {
    streams.stderr.write(`collect: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof Usage ? USAGE : FAILED;
  }
}

export function addCollectCommand(program: Command): void {
  program
    .command('collect')
    .description('rebuild packages from groups; goes on where it was stopped')
    .option('-i, --input <form>', 'what comes in: hex, one group a line', 'hex')
    .option('--state <folder>', 'where reception and packages are kept')
    .option('-o, --output <form>', 'json, one object a line', 'json')
    .option('-f, --file <path>', 'read from here', '-')
    .option('--device-type <vendor/name>', 'take only what is for this device type (default: everything)')
    .action(async (options: CollectOptions) => {
      process.exitCode = await runCollect(options, process);
    });
}
