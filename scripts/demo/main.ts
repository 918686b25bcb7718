/**
 * `npm run demo`: an update crosses the air, without a radio and without an account. stdout gets one JSON object with the
 * result, stderr what people watch. Exit status: 0 confirmed in slot B, 3 refused (as --tamper wants), 1 anything else.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { messageOf } from '#hardware/fault.ts';
import { Journey } from './journey.ts';
import { AirReport } from './report.ts';
import { bytesText, Screen } from './screen.ts';
import { tamper } from './tamper.ts';

interface DemoOptions {
  readonly loss: number;
  readonly noise: number;
  readonly rds2?: boolean;
  readonly tamper?: boolean;
  readonly save?: string;
  readonly seed: number;
  readonly speed: number;
  readonly keep?: boolean;
}

const TOO_LONG_MS = 110_000;

function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`It takes a number from ${least} to ${most}.`);
    return value;
  };
}

async function demo(options: DemoOptions): Promise<number> {
  const screen = new Screen();
  const folder = mkdtempSync(join(tmpdir(), 'carillon-demo-'));
  const report = new AirReport(screen);
  const journey = new Journey({
    folder,
    seed: options.seed,
    speed: options.speed,
    cnDb: options.noise,
    lossShare: options.loss / 100,
    rds2: options.rds2 === true,
    ...(options.save !== undefined && { savePath: resolve(options.save) }),
    onEvent: (from, event) => {
      report.take(from, event);
    },
  });
  const stopped = (): void => {
    void journey.stopAll().finally(() => process.exit(1));
  };
  process.once('SIGINT', stopped).once('SIGTERM', stopped);
  try {
    const status = await travel(journey, options, screen, report);
    await journey.stopAll();
    if (options.keep === true) screen.plain(`Everything it made is in ${folder}.`);
    else rmSync(folder, { recursive: true, force: true });
    return status;
  } catch (error) {
    await journey.stopAll();
    screen.plain(`The demo failed: ${messageOf(error)}`);
    screen.plain(`The logs of the programs are kept:\n  ${journey.logFiles().join('\n  ')}`);
    return 1;
  }
}

async function travel(journey: Journey, options: DemoOptions, screen: Screen, report: AirReport): Promise<number> {
  const { oldApplication, newApplication } = journey;
  const images = journey.packImages();
  screen.step(
    'image',
    `${oldApplication.name} ${oldApplication.version} and ${newApplication.version} from npm, each packed into a slot image of ${bytesText(images.newBytes)} bytes`,
  );
  screen.step(
    'backend',
    `starts, and packs ${oldApplication.version} as full content, as small as it gets: a minute or so`,
  );
  await journey.setUpBackend();
  screen.step('backend', 'serves its API; release key made; one gateway and one device type are registered');
  await journey.provisionDevice();
  const before = journey.checkHealth('A');
  screen.step('device', `left the factory with ${before.version} in slot A; slot B is empty`);
  await journey.start('gateway');
  await journey.start('receiver');
  const update = options.tamper === true ? await attack(journey, screen) : await journey.publish();
  const sizes = update['sizes'] as { onAirBytes: number; installedBytes: number } | undefined;
  if (options.tamper !== true)
    screen.step(
      'developer',
      `uploads ${newApplication.version}: ${bytesText(sizes?.installedBytes ?? 0)} bytes become ${bytesText(sizes?.onAirBytes ?? 0)} bytes on air, signed (${String(update['encoding'])})`,
    );
  const exit = await journey.receiverEnds(TOO_LONG_MS);
  report.conclude();
  return exit === 0
    ? await bootTheUpdate(journey, screen, report)
    : exit === 3
      ? await showRefusal(journey, screen)
      : fail(screen, `the receiver ended with status ${String(exit)}`);
}

/** The package is signed and correct until it reaches a transmitter that is not ours. */
async function attack(journey: Journey, screen: Screen): Promise<Record<string, unknown>> {
  const update = await journey.publish(false);
  const honest = await journey.fetchPackage(String(update['id']));
  const path = journey.path('tampered.pkg');
  writeFileSync(path, tamper(honest));
  await journey.stop('gateway');
  await journey.stop('receiver');
  await journey.tuneToAttacker(path);
  await journey.start('receiver');
  screen.step(
    'attacker',
    'took the signed package, changed one byte and fixed its digest; broadcasts it on our frequency',
  );
  return update;
}

async function bootTheUpdate(journey: Journey, screen: Screen, report: AirReport): Promise<number> {
  const waiting = await journey.status();
  screen.step('receiver', `verified and wrote it to slot B; ${waiting.facts.running.slot} still runs`);
  const slot = await journey.reboot();
  const health = journey.checkHealth(slot);
  screen.step(
    'device',
    `reboots into slot ${slot}: ${journey.newApplication.name} ${health.version} says "${health.says}"`,
  );
  if (!health.healthy || health.version !== journey.newApplication.version)
    return fail(screen, `slot ${slot} does not run ${journey.newApplication.version}`);
  await journey.markGood();
  const { facts } = await journey.status();
  if (facts.confirmed?.slot !== 'B' || facts.confirmed.version !== journey.newApplication.version)
    return fail(screen, 'the new version is not confirmed in slot B');
  screen.step('device', `confirmed: ${facts.confirmed.version} in slot B`);
  const job = await journey.carillon('job', 'list');
  screen.step('backend', `knows what it can know: the job is "${String(job['state'])}". No device ever answered.`);
  print({ result: 'confirmed', slot: 'B', version: facts.confirmed.version, ...report.figures() });
  return 0;
}

async function showRefusal(journey: Journey, screen: Screen): Promise<number> {
  const status = await journey.status();
  const [refusal] = status.refusals;
  screen.step('receiver', refusal?.explanation ?? 'refused');
  const slot = await journey.reboot();
  const health = journey.checkHealth(slot);
  const after = await journey.status();
  const attemptsOfB = after.boot.attemptsLeft['B'] ?? Number.NaN;
  screen.step(
    'device',
    `rebooted all the same: slot ${slot} runs ${health.version}; slot B has ${attemptsOfB} boot attempts`,
  );
  if (slot !== 'A' || attemptsOfB !== 0 || !health.healthy || health.version !== journey.oldApplication.version)
    return fail(screen, 'slot A should run and slot B should be unbootable');
  print({ result: 'refused', reason: refusal?.reason, running: 'A', version: health.version, slotB: 'unbootable' });
  return 3;
}

function fail(screen: Screen, why: string): number {
  screen.plain(`The demo failed: ${why}.`);
  return 1;
}

function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

const program = new Command('demo')
  .description('an update crosses simulated air and is confirmed in slot B')
  .option('--loss <percent>', 'share of the groups that fades shall cost', numberBetween(0, 80), 5)
  .option('--noise <dB>', 'carrier to noise in 250 kHz', numberBetween(0, 80), 26)
  .option('--rds2', 'four data streams instead of one')
  .option('--tamper', 'the package was changed on the way: it must be refused (exit status 3)')
  .option('--save <file>', 'keep the signal as the dongle hears it, e.g. air_98.5M_250k.cu8')
  .option('--seed <number>', 'of noise and fades', numberBetween(0, 2 ** 32 - 1000), 1)
  .option(
    '--speed <factor>',
    'simulated seconds per second, 0 for as fast as the machine goes',
    numberBetween(0, 1000),
    12,
  )
  .option('--keep', 'keep the folder with everything the programs wrote')
  .allowExcessArguments(false);
program.exitOverride((error) => {
  process.exit(error.exitCode === 0 ? 0 : 2);
});
await program.parseAsync();
process.exitCode = await demo(program.opts<DemoOptions>());
