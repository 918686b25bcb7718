/** Runs a program of commander to an exit status: 0 done, 1 failed, 2 wrong usage, 3 refused. */

import { type Command, CommanderError } from 'commander';
import { CommandError } from './refusal.ts';

export async function run(program: Command, argv: readonly string[]): Promise<number> {
  throwInsteadOfExit(program);
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${program.name()}: ${explain(error)}\n`);
    if (error instanceof CommandError) return error.exitStatus;
    return isOfHardware(error) && error.code === 'KEY_EXPOSED' ? 3 : 1;
  }
}

/** `HardwareError` of hardware/fault.ts, which a program does not import; its message is a sentence. */
function isOfHardware(error: unknown): error is Error & { code: string } {
  return error instanceof Error && error.name === 'HardwareError' && 'code' in error;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}

/** Expected failures are sentences; everything else keeps its trace, for whoever mends it. */
function explain(error: unknown): string {
  if (error instanceof CommandError || isOfHardware(error)) return error.message;
  if (!(error instanceof Error)) return String(error);
  switch ('code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return `${error.message}. Something listens there already; choose another port, or 0 for a free one.`;
    case 'EACCES':
    case 'ENOENT':
    case 'ENOSPC':
    case 'EROFS':
    case 'EADDRNOTAVAIL':
      return error.message;
    default:
      return error.stack ?? error.message;
  }
}
