#!/usr/bin/env node
/** The receiver: wires the commands together and does nothing else. */

import { Command } from 'commander';

/** Only the command that was asked for is loaded: a filter in a pipe should not wait for the installer. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  listen: async () => (await import('./listen.ts')).addListenCommand,
  install: async () => (await import('./install-commands.ts')).addInstallCommands,
  scan: async () => (await import('./scan.ts')).addScanCommand,
  record: async () => (await import('./record.ts')).addRecordCommand,
  decode: async () => (await import('./decode.ts')).addDecodeCommand,
  collect: async () => (await import('./collect.ts')).addCollectCommand,
};

const program = new Command('receiver')
  .description('Software updates out of an FM signal: hear, rebuild, verify, install')
  .showHelpAfterError()
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  });
const asked = process.argv[2] ?? '';
const names = Object.hasOwn(COMMANDS, asked) ? [asked] : Object.keys(COMMANDS);
for (const name of names) (await COMMANDS[name]())(program);
await program.parseAsync();
