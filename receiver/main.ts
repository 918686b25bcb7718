#!/usr/bin/env node
/** The receiver: wires the commands together and does nothing else. */

import { Command } from 'commander';
import { addCollectCommand } from './collect.ts';
import { addDecodeCommand } from './decode.ts';
import { addInstallCommands } from './install-commands.ts';
import { addListenCommand } from './listen.ts';
import { addRecordCommand } from './record.ts';
import { addScanCommand } from './scan.ts';

const program = new Command('receiver')
  .description('Software updates out of an FM signal: hear, rebuild, verify, install')
  .showHelpAfterError()
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  });
addListenCommand(program);
addInstallCommands(program);
addScanCommand(program);
addRecordCommand(program);
addDecodeCommand(program);
addCollectCommand(program);
await program.parseAsync();
