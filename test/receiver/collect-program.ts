/** `receiver collect` as a process of its own, so that a test can kill it. */

import { Command } from 'commander';
import { addCollectCommand } from '../../receiver/collect.ts';

const program = new Command();
addCollectCommand(program);
await program.parseAsync();
