/** `gateway run`: options, signals and exit status. */

import { type Command, InvalidArgumentError } from 'commander';
import { outliveReaders } from '#hardware/file/bytes.ts';
import { HardwareError, messageOf } from '#hardware/fault.ts';
import { loadConfig } from './config.ts';
import { Events, type EventStreams } from './events.ts';
import { EXIT, type ExitStatus, GatewayError } from './fault.ts';
import { runGateway } from './gateway.ts';

export interface RunCommandOptions {
  readonly config: string;
  readonly onAir?: boolean;
  readonly json?: boolean;
  readonly package?: readonly string[];
  readonly seconds?: number;
}

export async function run(options: RunCommandOptions, streams: EventStreams, stop: AbortSignal): Promise<ExitStatus> {
  const events = new Events(streams, options.json ?? false);
  try {
    const config = await loadConfig(options.config);
    const usesStdout = config.outputs.some((output) => 'path' in output && output.path === '-');
    if (usesStdout && options.json === true)
      throw new GatewayError('USAGE', '--json and an output to stdout exclude each other.', EXIT.usage);
    await runGateway(
      config,
      { onAir: options.onAir ?? false, packages: options.package ?? [], seconds: options.seconds },
      events,
      stop,
    );
    return EXIT.done;
  } catch (error) {
    const code = error instanceof GatewayError || error instanceof HardwareError ? error.code : 'UNEXPECTED';
    events.say('failed', messageOf(error), { code });
    if (code === 'UNEXPECTED' && error instanceof Error) streams.stderr.write(`${error.stack ?? ''}\n`);
    return error instanceof GatewayError ? error.exitStatus : EXIT.failed;
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('Give a number of seconds above 0.');
  return seconds;
}

export function addRunCommand(program: Command): void {
  program
    .command('run')
    .description('broadcast: take jobs from the backend and keep their packages on air')
    .requiredOption('--config <file>', 'configuration (docs/gateway.md)')
    .option('--on-air', 'allow outputs that may lead to a transmitter')
    .option(
      '--package <file>',
      'broadcast this package too; may be repeated',
      (path: string, all: string[]) => [...all, path],
      [],
    )
    .option('--seconds <n>', "end after so many seconds of the station's time", parseSeconds)
    .option('--json', 'events as JSON lines on stdout')
    .action(async (options: RunCommandOptions) => {
      outliveReaders(process);
      const stop = new AbortController();
      const onSignal = (): void => stop.abort();
      process.once('SIGTERM', onSignal);
      process.once('SIGINT', onSignal);
      process.exitCode = await run(options, process, stop.signal);
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    });
}
