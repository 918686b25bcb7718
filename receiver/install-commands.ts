/** `receiver install, verify, mark-good, rollback, status`, and `boot` and `provision` for a bench without a board. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { explainRefusal, type Refused } from '#codec/package/refusal.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { bootFilesIn, FileBoot } from '#hardware/boot/file-boot.ts';
import { messageOf } from '#hardware/fault.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { createSlotFiles, FileSlots } from '#hardware/slots/file.ts';
import { type ReceiverConfig, readConfig } from './config.ts';
import { codeOf, EXIT, exitOf, ReceiverError } from './fault.ts';
import { markGood, rollBack } from './confirm.ts';
import type { Device } from './device.ts';
import { installPackage, type InstallOutcome, verifyPackage } from './install.ts';
import { StateStore, withHistory } from './state.ts';
import { describeStatus, deviceStatus } from './status.ts';

interface FileDevice extends Device {
  readonly config: ReceiverConfig;
  readonly slots: FileSlots;
  readonly boot: FileBoot;
}

export function openDevice(config: ReceiverConfig): FileDevice {
  return {
    config,
    identity: config.device,
    trustedKeys: config.trustedKeys,
    leastSignatures: config.leastSignatures,
    slots: new FileSlots(config.slotPaths, config.slotSizeBytes),
    boot: new FileBoot(bootFilesIn(config.bootFolder)),
    store: new StateStore(config.stateFolder),
    zstd: nativeZstd,
    nowMs: () => Date.now(),
  };
}

/** What a command says: data for programs, a sentence for people, an exit status for scripts. */
interface Said {
  readonly data: object;
  readonly text: string;
  readonly exit: number;
}

async function withDevice(configPath: string, work: (device: FileDevice) => Promise<Said>): Promise<Said> {
  const device = openDevice(await readConfig(configPath));
  try {
    return await work(device);
  } finally {
    await device.slots.close();
  }
}

async function run(work: () => Promise<Said>): Promise<void> {
  try {
    const { data, text, exit } = await work();
    process.stdout.write(`${JSON.stringify(data)}\n`);
    process.stderr.write(`${text.trimEnd()}\n`);
    process.exitCode = exit;
  } catch (error) {
    const message = messageOf(error);
    process.stdout.write(`${JSON.stringify({ error: codeOf(error), message })}\n`);
    process.stderr.write(`${message}\n`);
    process.exitCode = exitOf(error);
  }
}

function saidRefused(refusal: Refused): Said {
  return {
    data: { result: 'refused', reason: refusal.reason, detail: refusal.detail },
    text: `${explainRefusal(refusal)} Nothing was written; the running system and both slots are as they were.`,
    exit: EXIT.refused,
  };
}

export function saidOutcome(outcome: InstallOutcome): Said {
  if (outcome.kind === 'refused') return saidRefused(outcome);
  if (outcome.kind === 'postponed')
    return {
      data: { result: 'postponed', detail: outcome.detail },
      text: `Not now: ${outcome.detail}. Nothing was written. Call mark-good or rollback first, then install again.`,
      exit: EXIT.incomplete,
    };
  if (outcome.kind === 'already-installed')
    return {
      data: { result: 'already-installed', version: outcome.version, sequence: outcome.sequence },
      text: `Version ${outcome.version} (sequence ${outcome.sequence}) is installed already; nothing was written.`,
      exit: EXIT.done,
    };
  const { kind, target, ...rest } = outcome;
  return {
    data: { result: kind, slot: target, ...rest },
    text:
      `Version ${outcome.version} is written to slot ${target}, read back, and starts at the next reboot ` +
      `(${outcome.writtenBytes} bytes written, ${outcome.keptBytes} were there already). ` +
      `It is neither running nor confirmed: reboot, and call mark-good when it works.`,
    exit: EXIT.done,
  };
}

export async function readPackage(path: string): Promise<Uint8Array> {
  try {
    const buffer = await readFile(path === '-' ? '/dev/stdin' : path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    throw new ReceiverError('PACKAGE_UNREADABLE', `The package ${path} cannot be read. Nothing was changed.`, error);
  }
}

async function verify(path: string, device: Device): Promise<Said> {
  const checked = await verifyPackage(await readPackage(path), device);
  if (checked.kind === 'refused') {
    const { data, exit } = saidRefused(checked);
    return { data, text: explainRefusal(checked), exit };
  }
  if (checked.kind === 'installable') {
    const { version, sequence, vendor, deviceType } = checked.opened.manifest;
    const { steps } = checked.way;
    const [{ payload }] = steps;
    const { encoding } = payload;
    const { sizeInstalledBytes } = checked.opened.manifest.payloads[0];
    const signedBy = checked.opened.signedBy.map((keyId) => keyId.toHex()).join(', ');
    return {
      data: {
        ...{ result: 'installable', vendor, deviceType, version, sequence },
        ...{ encoding, steps: steps.length, sizeInstalledBytes, signedBy },
      },
      text: `Version ${version} (sequence ${sequence}), signed by ${signedBy}, can be installed. Nothing was changed.`,
      exit: EXIT.done,
    };
  }
  if (checked.kind === 'postponed') return saidOutcome(checked);
  return { data: { result: checked.kind }, text: 'This version is installed already.', exit: EXIT.done };
}

async function provision(path: string, device: FileDevice, version: string, sequence: number): Promise<Said> {
  const { config } = device;
  const content = await readPackage(path);
  if (content.length > config.slotSizeBytes)
    throw new ReceiverError('SLOT_WRITE', `${path} does not fit into a slot of ${config.slotSizeBytes} bytes.`);
  await createSlotFiles(config.slotPaths, config.slotSizeBytes);
  await device.slots.write('A', 0, content);
  await device.slots.flush('A');
  const timeMs = device.nowMs();
  const contentHex = sha256Native(content).toHex();
  await device.store.update((facts) =>
    withHistory(
      {
        ...facts,
        slots: {
          A: { version, sequence, contentHex, sizeBytes: content.length, writtenMs: timeMs, confirmedMs: timeMs },
          B: null,
        },
      },
      timeMs,
      'provisioned',
      `${version} (sequence ${sequence}) in slot A`,
    ),
  );
  await device.store.raiseFloor(sequence);
  await device.boot.markGood('A');
  // An empty slot must not be started.
  await device.boot.markUnbootable('B');
  return {
    data: { result: 'provisioned', slot: 'A' satisfies SlotName, version, sequence, contentHex },
    text: `Slot A holds ${version}; slot B is empty and will not be started.`,
    exit: EXIT.done,
  };
}

async function boot(device: FileDevice): Promise<Said> {
  const { started, tried } = await device.boot.boot();
  const state = await device.boot.state();
  return {
    data: { result: started === undefined ? 'no-slot-starts' : 'started', slot: started ?? null, tried, ...state },
    text: started === undefined ? 'No slot can be started.' : `Slot ${started} started.`,
    exit: started === undefined ? EXIT.failed : EXIT.done,
  };
}

export function addInstallCommands(program: Command): void {
  const config = ['--config <file>', 'what this device is (JSON)'] as const;

  program
    .command('install')
    .description('verify a package and write it to the slot that is not running')
    .argument('<package>', 'a file, or - for stdin')
    .requiredOption(...config)
    .action((path: string, options: { config: string }) =>
      run(() =>
        withDevice(options.config, async (device) =>
          saidOutcome(await installPackage(await readPackage(path), device)),
        ),
      ),
    );

  program
    .command('verify')
    .description('say whether a package would be installed, and change nothing')
    .argument('<package>', 'a file, or - for stdin')
    .requiredOption(...config)
    .action((path: string, options: { config: string }) =>
      run(() => withDevice(options.config, (device) => verify(path, device))),
    );

  program
    .command('mark-good')
    .description('the running system works; call it at every boot, after the health check')
    .requiredOption(...config)
    .action((options: { config: string }) =>
      run(() =>
        withDevice(options.config, async (device) => {
          const marked = await markGood(device);
          return {
            data: { result: 'marked-good', ...marked },
            text: `Slot ${marked.slot}, ${marked.version ?? 'an unknown version'}, is confirmed.`,
            exit: EXIT.done,
          };
        }),
      ),
    );

  program
    .command('rollback')
    .description('back to the system before an update that is not confirmed yet')
    .requiredOption(...config)
    .action((options: { config: string }) =>
      run(() =>
        withDevice(options.config, async (device) => {
          const result = await rollBack(device);
          if (result.kind === 'nothing-to-roll-back')
            return {
              data: { result: result.kind, detail: result.detail },
              text: `Nothing was changed: ${result.detail}. A confirmed version is not left for an older one.`,
              exit: EXIT.refused,
            };
          return {
            data: { result: result.kind, next: result.next, needsReboot: result.needsReboot },
            text: `Slot ${result.next} starts at the next reboot; the update will not be tried again.`,
            exit: EXIT.done,
          };
        }),
      ),
    );

  program
    .command('status')
    .description('what was received, written, is running and is confirmed, and what was refused and why')
    .requiredOption(...config)
    .option('--json', 'one JSON object, also on a terminal')
    .action(async (options: { config: string; json?: boolean }) => {
      try {
        const device = openDevice(await readConfig(options.config));
        const status = await deviceStatus(device, await device.boot.health(), device.config.stateFolder);
        const isForPeople = options.json !== true && process.stdout.isTTY;
        process.stdout.write(isForPeople ? describeStatus(status) : `${JSON.stringify(status)}\n`);
        if (!isForPeople && options.json !== true) process.stderr.write(describeStatus(status));
      } catch (error) {
        await run(() => Promise.reject(error));
      }
    });

  program
    .command('provision')
    .description('bench: put a first system into slot A, as a factory does')
    .argument('<content>', 'the image')
    .requiredOption(...config)
    .requiredOption('--as <version>', 'its version')
    .requiredOption('--sequence <number>', 'its sequence')
    .action((path: string, options: { config: string; as: string; sequence: string }) =>
      run(async () => {
        const sequence = Number(options.sequence);
        if (!Number.isSafeInteger(sequence) || sequence < 1)
          throw new ReceiverError('CONFIG', `--sequence takes a whole number from 1 on, not ${options.sequence}.`);
        return withDevice(options.config, (device) => provision(path, device, options.as, sequence));
      }),
    );

  program
    .command('boot')
    .description('bench: what the boot loader would do at power-on, done to the files')
    .requiredOption(...config)
    .action((options: { config: string }) => run(() => withDevice(options.config, boot)));
}
