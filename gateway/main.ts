#!/usr/bin/env node
import { Command } from 'commander';
import { addEncodeCommand } from './encode.ts';
import { EXIT } from './fault.ts';
import { addModulateCommand } from './modulate.ts';
import { addRunCommand } from './run.ts';
import { addStatusCommand } from './status.ts';

const program = new Command('gateway')
  .description('Puts signed updates on air, beside the transmitter of an FM station.')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  });
addRunCommand(program);
addStatusCommand(program);
addEncodeCommand(program);
addModulateCommand(program);
await program.parseAsync();
