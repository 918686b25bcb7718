/**
 * The command line of `backend`. Every option is parsed here, once. Commands are imported when they are called: making a
 * token need not wait for the web server to load.
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import { KEY_FORMATS, type KeyFormat, keyShow } from './commands/key.ts';
import { type Output, standardOutput } from './commands/print.ts';
import { DEFAULTS } from './config.ts';
import type { Role } from './store/tables.ts';

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It has to be a whole number from ${least} to ${most}.`);
    return value;
  };
}

const port = wholeNumber(0, 65_535);

function parseHosts(text: string): string[] {
  const hosts = text.split(',').map((host) => host.trim());
  if (!hosts.every((host) => /^[\w.:-]{1,253}$/.test(host)))
    throw new InvalidArgumentError('It has to be names or addresses with commas between them.');
  return hosts;
}

interface Common {
  readonly data: string;
  readonly json?: boolean;
}

function outputOf(options: Common): Output {
  return standardOutput(options.json === true);
}

function add(parent: Command, nameAndArguments: string, description: string): Command {
  return parent
    .command(nameAndArguments)
    .description(description)
    .requiredOption('--data <dir>', 'data directory')
    .option('--json', 'JSON lines also on a terminal; for serve, a JSON log');
}

export function backendProgram(): Command {
  const program = new Command('backend').description(
    'Takes updates from developers, signs them and gives them to the gateways.',
  );

  add(program, 'init', 'make a data directory')
    .option('--host <names>', 'names and addresses under which gateways reach it', parseHosts, DEFAULTS.hosts.slice())
    .option('--link-port <port>', 'port for gateways', port, DEFAULTS.linkPort)
    .option('--api-port <port>', 'port for the API', port, DEFAULTS.apiPort)
    .action(async (options: Common & { host: string[]; linkPort: number; apiPort: number }) => {
      const { init } = await import('./commands/init.ts');
      await init({ ...options, hosts: options.host }, outputOf(options));
    });

  add(program, 'serve', 'serve the API and the gateways')
    .option('--api-port <port>', 'port for the API; 0 takes a free one', port)
    .option('--link-port <port>', 'port for gateways; 0 takes a free one', port)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .action(async (options: Common & { host: string; apiPort?: number; linkPort?: number }) => {
      const { serve } = await import('./commands/serve.ts');
      const { data, host, apiPort, linkPort, json = false } = options;
      await serve({ data, host, apiPort, linkPort, json }, outputOf(options));
    });

  tokenCommands(program.command('token').description('API tokens'));
  gatewayCommands(program.command('gateway').description('gateways that may connect'));

  const key = program.command('key').description('the release key');
  add(key, 'show', 'the public key, for devices')
    .addOption(new Option('--format <format>', 'form of the key').choices(KEY_FORMATS).default('pem'))
    .action((options: Common & { format: KeyFormat }) => keyShow(options, outputOf(options)));
  return program;
}

const tokens = () => import('./commands/tokens.ts');
const gateways = () => import('./commands/gateways.ts');

function tokenCommands(token: Command): void {
  add(token, 'create <name>', 'make a token and print it, once')
    .option('-o, --output <file>', 'write the token into this new file of mode 0600 instead of printing it')
    .option('--expires-days <days>', 'refused after this many days', wholeNumber(1, 36_500))
    .addOption(new Option('--role <role>', 'what it may do').choices(['developer', 'operator']).default('developer'))
    .action(async (name: string, options: Common & { role: Role; expiresDays?: number; output?: string }) => {
      const { tokenCreate } = await tokens();
      const { expiresDays, output: file } = options;
      await tokenCreate({ ...options, name, expiresDays, file }, outputOf(options));
    });
  add(token, 'list', 'the tokens, without their secrets').action(async (options: Common) =>
    (await tokens()).tokenList(options, outputOf(options)),
  );
  add(token, 'revoke <name>', 'refuse a token from now on').action(async (name: string, options: Common) =>
    (await tokens()).tokenRevoke({ ...options, name }, outputOf(options)),
  );
}

function gatewayCommands(gateway: Command): void {
  add(gateway, 'add <name>', 'make the bundle that a gateway connects with')
    .requiredOption('-o, --output <dir>', 'directory for the bundle')
    .option('--link <host:port>', 'where the gateway finds this backend')
    .action(async (name: string, options: Common & { output: string; link?: string }) =>
      (await gateways()).gatewayAdd({ ...options, name, link: options.link }, outputOf(options)),
    );
  add(gateway, 'list', 'the gateways').action(async (options: Common) =>
    (await gateways()).gatewayList(options, outputOf(options)),
  );
  add(gateway, 'revoke <name>', 'refuse a gateway from now on').action(async (name: string, options: Common) =>
    (await gateways()).gatewayRevoke({ ...options, name }, outputOf(options)),
  );
}
