/** The command line of `carillon`. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { type Output, standardOutput } from '../commands/print.ts';
import { Api } from './api.ts';
import {
  deviceTypeAdd,
  deviceTypeList,
  gatewayList,
  jobList,
  jobPause,
  updateAdd,
  updateList,
  updateSchedule,
  updateShow,
  updateWithdraw,
} from './commands.ts';
import { connectionFrom } from './connection.ts';

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** `64M` or `64Mi` or bytes. */
function sizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kMG]i?|Ki|)$/.exec(text);
  const value = Number(match?.[1]) * (SUFFIXES[match?.[2] ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It has to be a size like 64M or 64Mi.');
  return value;
}

function priority(text: string): number {
  if (!/^[1-9]$/.test(text)) throw new InvalidArgumentError('It has to be 1 (low) to 9 (high).');
  return Number(text);
}

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It has to be a number from 1 on.');
  return Number(text);
}

function revisions(text: string): number[] {
  if (!/^\d{1,9}(,\d{1,9})*$/.test(text)) throw new InvalidArgumentError('It has to be numbers with commas.');
  return text.split(',').map(Number);
}

function listed(text: string, before: string | undefined): string {
  return before === undefined ? text : `${before},${text}`;
}

const WINDOWS_HELP = 'times of the day in UTC when it is on air, like 22:00-05:00,12:00-13:00, or all';

interface Common {
  readonly json?: boolean;
}

function outputOf(options: Common): Output {
  return standardOutput(options.json === true);
}

async function api(): Promise<Api> {
  return new Api(await connectionFrom(process.env));
}

function add(parent: Command, nameAndArguments: string, description: string): Command {
  return parent.command(nameAndArguments).description(description).option('--json', 'JSON lines also on a terminal');
}

export function carillonProgram(): Command {
  const program = new Command('carillon')
    .description('Sends software updates to devices that can only listen.')
    .addHelpText(
      'after',
      '\nEnvironment: CARILLON_URL (default http://127.0.0.1:8080), CARILLON_TOKEN or CARILLON_TOKEN_FILE.\n' +
        'Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused.',
    );
  deviceTypeCommands(program.command('device-type').description('what updates are for'));
  updateCommands(program.command('update').description('new software'));

  const job = program.command('job').description('one update at one gateway');
  add(job, 'list', 'jobs, newest first, and why they ended')
    .option('--update <id>', 'only of this update')
    .option('--gateway <name>', 'only of this gateway')
    .option('--state <state>', 'only in this state')
    .option('--limit <n>', 'at most so many', count, 50)
    .action(async (options: Common & { update?: string; gateway?: string; state?: string; limit: number }) => {
      const { update, gateway, state, limit } = options;
      await jobList(await api(), { updateId: update, gateway, state }, limit, outputOf(options));
    });

  add(job, 'pause <id>', 'take it off the air until it is resumed').action(async (id: string, options: Common) =>
    jobPause(await api(), id, true, outputOf(options)),
  );
  add(job, 'resume <id>', 'put it back on air').action(async (id: string, options: Common) =>
    jobPause(await api(), id, false, outputOf(options)),
  );

  add(program.command('gateway').description('stations'), 'list', 'gateways, with what they counted on air').action(
    async (options: Common) => gatewayList(await api(), outputOf(options)),
  );

  deltaCommands(program.command('delta').description('patches between two files'));
  add(program.command('package').description('package files'), 'info <file>', 'what is in a package; sends nothing')
    .option('--key <file>', 'public release key (PEM): check the signature and every byte')
    .action(async (file: string, options: Common & { key?: string }) =>
      (await import('./package-info.ts')).packageInfo(file, options.key, outputOf(options)),
    );
  return program;
}

function deviceTypeCommands(deviceType: Command): void {
  add(deviceType, 'add <vendor> <name>', 'register a device type')
    .option('--slot-size <size>', 'size of one slot: larger images are refused', sizeBytes)
    .option('--hardware-revisions <numbers>', 'with commas; absent: every one', revisions)
    .action(
      async (vendor: string, name: string, options: Common & { slotSize?: number; hardwareRevisions?: number[] }) => {
        const { slotSize, hardwareRevisions } = options;
        const body = {
          vendor,
          name,
          ...(slotSize !== undefined && { slotSizeBytes: slotSize }),
          ...(hardwareRevisions !== undefined && { hardwareRevisions }),
        };
        await deviceTypeAdd(await api(), body, outputOf(options));
      },
    );
  add(deviceType, 'list', 'device types').action(async (options: Common) =>
    deviceTypeList(await api(), outputOf(options)),
  );
}

/** What is only needed by some commands is loaded by them: applying a delta is done on small devices too. */
function deltaCommands(delta: Command): void {
  add(delta, 'make <old> <new>', 'make a patch that turns the old file into the new one')
    .requiredOption('-o, --output <file>', 'where the patch goes')
    .option('--progress', 'say how far it is')
    .action(async (old: string, fresh: string, options: Common & { output: string; progress?: boolean }) =>
      (await import('./delta-make.ts')).deltaMake(
        { old, new: fresh, patch: options.output },
        options.progress === true,
        outputOf(options),
      ),
    );
  add(delta, 'apply <old> <patch>', 'make the new file from the old one and a patch')
    .requiredOption('-o, --output <file>', 'where the new file goes; it appears when it is whole and right')
    .action(async (old: string, patch: string, options: Common & { output: string }) =>
      (await import('./delta-apply.ts')).deltaApply({ old, patch, new: options.output }, outputOf(options)),
    );
  add(delta, 'info <patch>', 'what is in a patch')
    .option('--old <file>', 'the old file: then also where the bytes go')
    .option('--files', 'with --old: what each file in the new one takes of the patch, the most first')
    .action(async (patch: string, options: Common & { old?: string; files?: boolean }) =>
      (await import('./delta-info.ts')).deltaInfo(patch, options, outputOf(options)),
    );
}

type AddOptions = Common &
  Record<'deviceType' | 'version', string> &
  Partial<
    Record<'name' | 'kind' | 'at' | 'deadline' | 'windows' | 'encoding' | 'bases' | 'gateways' | 'notes', string>
  > & {
    priority?: number;
  };

function updateCommands(update: Command): void {
  add(update, 'add <file>', 'upload content; it is packed and signed')
    .requiredOption('--device-type <vendor/name>', 'what it is for')
    .requiredOption('--version <version>', 'for people; each only once')
    .option('--name <name>', 'which app')
    .addOption(new Option('--kind <kind>', 'what it is').choices(['image', 'app']))
    .option('--at <time>', 'when to broadcast: now, or ISO 8601 with a zone; absent: not yet')
    .option('--deadline <time>', 'when to stop')
    .option('--priority <1..9>', '9 is the most urgent', priority)
    .option('--windows <times>', WINDOWS_HELP)
    .addOption(new Option('--encoding <encoding>', 'how to send it').choices(['auto', 'full', 'delta']))
    .option('--bases <versions>', 'versions that devices have now, with commas or repeated', listed)
    .option('--gateways <names>', 'with commas, or all')
    .option('--notes <text>', 'for people')
    .action(async (file: string, options: AddOptions) => {
      const { deviceType, at, priority, name, kind, version, deadline, windows, encoding, bases, gateways, notes } =
        options;
      const fields = { name, kind, version, deadline, windows, encoding, bases, gateways, notes, scheduleTime: at };
      await updateAdd(
        await api(),
        { file, deviceType, fields: { ...fields, priority: priority?.toString() } },
        outputOf(options),
      );
    });
  add(update, 'list', 'updates, newest first')
    .option('--limit <n>', 'at most so many', count, 50)
    .action(async (options: Common & { limit: number }) => updateList(await api(), options.limit, outputOf(options)));
  add(update, 'show <id>', 'one update').action(async (id: string, options: Common) =>
    updateShow(await api(), id, outputOf(options)),
  );
  add(update, 'schedule <id>', 'say when it is broadcast')
    .requiredOption('--at <time>', 'now, or ISO 8601 with a zone')
    .option('--deadline <time>', 'when to stop')
    .option('--priority <1..9>', '9 is the most urgent', priority)
    .option('--windows <times>', `${WINDOWS_HELP}; absent: as before`)
    .option('--gateways <names>', 'with commas, or all')
    .action(
      async (
        id: string,
        options: Common & { at: string; deadline?: string; priority?: number; windows?: string; gateways?: string },
      ) => {
        const { at, deadline, priority, windows, gateways } = options;
        const body = {
          at,
          ...(deadline !== undefined && { deadline }),
          ...(priority !== undefined && { priority }),
          ...(windows !== undefined && { windows: windows.split(',') }),
          ...(gateways !== undefined && { gateways: gateways === 'all' ? ('all' as const) : gateways.split(',') }),
        };
        await updateSchedule(await api(), id, body, outputOf(options));
      },
    );
  add(update, 'withdraw <id>', 'stop broadcasting it, for good')
    .option('--reason <text>', 'for people')
    .action(async (id: string, options: Common & { reason?: string }) =>
      updateWithdraw(await api(), id, options.reason, outputOf(options)),
    );
}
