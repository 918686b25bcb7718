/** `receiver collect`: groups in, packages out. A filter that can be killed at any time and goes on where it was. */

import type { Command } from 'commander';
import { type DirectoryEntry, parseDeviceTypeTag } from '#codec/groups/directory.ts';
import { parseHexLine } from '#codec/groups/hex.ts';
import { ByteWriter, linesOf, openBytes, type StandardStreams } from '#hardware/file/bytes.ts';
import { messageOf } from '#hardware/fault.ts';
import { type CollectEvent, CollectStore } from './collect-store.ts';
import { EXIT, exitOf, usage } from './fault.ts';
import { describeStorage, ReceptionReport } from './reception-report.ts';

/** As they come from the command line. */
export interface CollectOptions {
  readonly input?: string;
  readonly state?: string;
  readonly output?: string;
  readonly file?: string;
  readonly deviceType?: string;
}

interface Settings {
  readonly folder: string;
  readonly file: string;
  readonly wants: ((entry: DirectoryEntry) => boolean) | undefined;
}

function parseSettings(options: CollectOptions): Settings {
  if ((options.input ?? 'hex') !== 'hex') throw usage(`collect reads -i hex, not ${options.input}.`);
  if ((options.output ?? 'json') !== 'json') throw usage(`collect writes -o json, not ${options.output}.`);
  if (options.state === undefined || options.state === '') throw usage('Say where to keep things: --state DIR.');
  let wants: Settings['wants'];
  if (options.deviceType !== undefined) {
    const tag = parseDeviceTypeTag(options.deviceType);
    if (tag === undefined) throw usage(`--device-type is VENDOR/NAME, not ${options.deviceType}.`);
    wants = (entry) => entry.deviceTypeTag === tag;
  }
  return { folder: options.state, file: options.file ?? '-', wants };
}

function line(value: Record<string, unknown>): string {
  return `${JSON.stringify(value)}\n`;
}

async function collect(settings: Settings, { stdin, stdout, stderr }: StandardStreams): Promise<number> {
  const { folder, file, wants } = settings;
  const input = await openBytes(file, stdin);
  const writer = await ByteWriter.open('-', stdout);
  const report = new ReceptionReport();
  const lineOf = (event: CollectEvent): string => {
    if (event.kind === 'storage') stderr.write(`${describeStorage(event.storage)}\n`);
    const told = report.tell(event);
    return told === undefined ? '' : line(told);
  };
  const { store, events } = CollectStore.open(folder, wants === undefined ? {} : { wants });
  let text = events.map(lineOf).join('');
  // Taken before it is waited for: what the timer adds meanwhile goes with the next.
  const write = async (): Promise<void> => {
    const out = text;
    text = '';
    if (out !== '') await writer.write(out);
  };
  const tick = async (): Promise<void> => {
    try {
      for (const event of store.tick()) text += lineOf(event);
      await write();
    } catch (error) {
      // Whoever waits for the next line gets it.
      input.destroy(error instanceof Error ? error : new Error(messageOf(error)));
    }
  };
  const timer = setInterval(() => void tick(), 500);
  try {
    const { records, tornBytes, skippedBytes } = store.opened;
    if (tornBytes + skippedBytes > 0) {
      stderr.write(`reception.log: ${tornBytes} torn bytes cut off, ${skippedBytes} damaged bytes passed over\n`);
    }
    if (records > 0) stderr.write(`going on from ${records} records of earlier reception\n`);
    let lines = 0;
    let badLines = 0;
    for await (const hexLine of linesOf(input)) {
      lines++;
      const parsed = parseHexLine(hexLine);
      if (parsed.kind === 'fault') badLines++;
      if (parsed.kind === 'group') for (const event of store.push(parsed.group)) text += lineOf(event);
      await write();
    }
    for (const event of store.endOfInput()) text += lineOf(event);
    const missing = store.missing();
    const packages = store.packages().length;
    const { drops, faults, dataGroups } = store.status();
    const { storage } = store;
    const complete = packages > 0 && (missing === undefined || missing.length === 0);
    const counts = { lines, badLines, dataGroups, drops: withoutZeros(drops), faults: withoutZeros(faults) };
    text += line({
      event: 'end',
      complete,
      packages,
      missing: missing?.map(({ identity }) => identity.toHex()) ?? null,
      ...counts,
    });
    await write();
    await writer.end();
    if (storage !== undefined) {
      stderr.write(
        `collect: ${describeStorage(storage)}, and lost now. What is in ${folder} is untouched; make room and let it hear the rest again.\n`,
      );
      return EXIT.failed;
    }
    stderr.write(complete ? `complete: ${packages} packages in ${folder}/packages\n` : summary(missing, packages));
    return complete ? EXIT.done : EXIT.incomplete;
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
    return EXIT.done;
  }
  try {
    return await collect(parseSettings(options), streams);
  } catch (error) {
    streams.stderr.write(`collect: ${messageOf(error)}\n`);
    return exitOf(error);
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
