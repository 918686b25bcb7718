/**
 * The journey of one update with the three programs as processes: what a developer, an engineer at a station and a
 * technician would do, in that order. The demo shows it; the end-to-end tests kill its programs on the way.
 */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Application, type HealthCheck, findApplication, packImage, runSlot } from './image.ts';
import { Program, type ProgramEvent, type ProgramName, run, runOrThrow } from './processes.ts';

export const VENDOR = 'Example Works';
export const DEVICE_TYPE = 'CityLamp_3';
const FREQUENCY_HZ = 98_500_000;
const RATE_HZ = 250_000;
const SLOT_BYTES = 16 << 20;
/** Mean length of a fade, in groups. */
const FADE_GROUPS = 8;
/** A fade of n groups costs more than n: those it cuts, and those until the receiver follows again (measured). */
const FADE_EDGE_GROUPS = 4.5;

export interface JourneyOptions {
  /** An empty folder for everything. */
  readonly folder: string;
  readonly seed: number;
  /** Simulated seconds per second; 0 is as fast as the machine goes. */
  readonly speed: number;
  /** Carrier to noise in 250 kHz. */
  readonly cnDb: number;
  /** Share of the groups to be lost in fades, 0..1. */
  readonly lossShare: number;
  readonly rds2: boolean;
  readonly savePath?: string;
  /** Which files of the application go into the image; all when absent. */
  readonly isPacked?: (path: string) => boolean;
  readonly onEvent?: (from: ProgramName, event: ProgramEvent) => void;
}

type RunningName = Exclude<ProgramName, 'carillon'>;

export interface SlotFact {
  readonly slot: string;
  readonly version: string | null;
}

/** Of `receiver status`, what the journey looks at. */
export interface DeviceStatus {
  readonly facts: {
    readonly running: SlotFact;
    readonly confirmed: SlotFact | null;
  };
  readonly boot: { readonly order: readonly string[]; readonly attemptsLeft: Readonly<Record<string, number>> };
  readonly refusals: readonly { readonly reason: string; readonly count: number; readonly explanation: string }[];
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
}

function lastJsonLine(stdout: string): Record<string, unknown> {
  const value: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export class Journey {
  readonly options: JourneyOptions;
  readonly oldApplication: Application = findApplication('demo-app-old');
  readonly newApplication: Application = findApplication('demo-app-new');
  #ports = { api: 0, link: 0, air: 0 };
  #programs = new Map<RunningName, Program>();
  #airings = 0;

  constructor(options: JourneyOptions) {
    this.options = options;
    mkdirSync(join(options.folder, 'logs'), { recursive: true });
  }

  path(...parts: string[]): string {
    return join(this.options.folder, ...parts);
  }

  #emit(from: ProgramName, event: ProgramEvent): void {
    this.options.onEvent?.(from, event);
  }

  #clientEnv(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      CARILLON_URL: `http://127.0.0.1:${this.#ports.api}`,
      CARILLON_TOKEN_FILE: this.path('developer.token'),
    };
  }

  carillon(...args: string[]): Promise<Record<string, unknown>> {
    return runOrThrow('carillon', args, this.#clientEnv()).then(({ stdout }) => lastJsonLine(stdout));
  }

  /** Packs the two releases into slot images; returns their sizes in bytes. */
  packImages(): { oldBytes: number; newBytes: number } {
    return {
      oldBytes: packImage(this.oldApplication, this.path('old.img'), this.options.isPacked),
      newBytes: packImage(this.newApplication, this.path('new.img'), this.options.isPacked),
    };
  }

  /** Sets up a backend with its keys and certificates, and tells it what devices there are and what they run. */
  async setUpBackend(): Promise<void> {
    const [api = 0, link = 0, air = 0] = await freePorts(3);
    this.#ports = { api, link, air };
    const data = this.path('backend');
    await runOrThrow('backend', ['init', '--data', data]);
    await runOrThrow('backend', [
      ...['token', 'create', 'demo', '--data', data],
      ...['-o', this.path('developer.token')],
    ]);
    await runOrThrow('backend', [
      ...['gateway', 'add', 'tower', '--data', data, '-o', this.path('bundle')],
      ...['--link', `127.0.0.1:${link}`],
    ]);
    await this.start('backend');
    await this.carillon('device-type', 'add', VENDOR, DEVICE_TYPE);
    // What the devices left the factory with: known to the backend as the base of deltas, never broadcast.
    await this.carillon(
      ...['update', 'add', this.path('old.img'), '--device-type', `${VENDOR}/${DEVICE_TYPE}`],
      ...['--version', this.oldApplication.version],
    );
  }

  /** What the factory does: the first system in slot A, the release key pinned. */
  async provisionDevice(): Promise<void> {
    mkdirSync(this.path('device'), { recursive: true });
    copyFileSync(this.path('bundle', 'release.pem'), this.path('device', 'release.pem'));
    this.#writeDeviceConfig({ kind: 'rtl_tcp', host: '127.0.0.1', port: this.#ports.air });
    await runOrThrow('receiver', [
      ...['provision', this.path('old.img'), ...this.#deviceArgs()],
      ...['--as', this.oldApplication.version, '--sequence', '1'],
    ]);
    await runOrThrow('receiver', ['boot', ...this.#deviceArgs()]);
    await runOrThrow('receiver', ['mark-good', ...this.#deviceArgs()]);
  }

  #writeDeviceConfig(source: object): void {
    writeFileSync(
      this.path('device', 'receiver.json'),
      JSON.stringify(
        {
          vendor: VENDOR,
          deviceType: DEVICE_TYPE,
          trustedKeys: ['release.pem'],
          slots: { folder: 'slots', sizeBytes: SLOT_BYTES },
          stateFolder: 'state',
          source,
          frequencyHz: FREQUENCY_HZ,
          rateHz: RATE_HZ,
          gainDb: 20,
          streams: this.options.rds2 ? 4 : 1,
        },
        null,
        2,
      ),
    );
  }

  #deviceArgs(): string[] {
    return ['--config', this.path('device', 'receiver.json')];
  }

  #gatewayConfig(): object {
    const { options } = this;
    return {
      stateDir: this.path('gateway'),
      link: { host: '127.0.0.1', port: this.#ports.link, bundleDir: this.path('bundle'), heartbeatSeconds: 1 },
      trustedKeys: [this.path('bundle', 'release.pem')],
      station: {
        ...{ name: 'Radio Carillon', frequencyHz: FREQUENCY_HZ, pi: 'D3C2', ps: 'CARILLON', pty: 10 },
        ...{ rt: 'Carillon demo: an update is on its way', rds2: options.rds2 },
      },
      dataShare: 0.7,
      output: {
        ...{ kind: 'air', rateHz: RATE_HZ, port: this.#ports.air, speed: options.speed, waitForListener: true },
        ...{ cnDb: options.cnDb, tuningPpm: 12, clockPpm: 12, seed: options.seed + this.#airings++ },
        ...(options.lossShare > 0 && {
          lossShare: (options.lossShare * FADE_GROUPS) / (FADE_GROUPS + FADE_EDGE_GROUPS),
          lossGroups: FADE_GROUPS,
        }),
        ...(options.savePath !== undefined && { save: options.savePath }),
      },
    };
  }

  /** Starts one of the three programs, or starts it again after a kill. */
  async start(name: RunningName): Promise<void> {
    const logFile = this.path('logs', `${name}.log`);
    const onEvent = (event: ProgramEvent): void => {
      this.#emit(name, event);
    };
    switch (name) {
      case 'backend': {
        const args = ['serve', '--data', this.path('backend'), '--json'];
        const ports = ['--api-port', String(this.#ports.api), '--link-port', String(this.#ports.link)];
        const program = new Program('backend', [...args, ...ports], { logFile, onEvent });
        this.#programs.set(name, program);
        await program.event('ready', (event) => event['ready'] === true, 30_000);
        break;
      }
      case 'gateway': {
        writeFileSync(this.path('gateway.json'), JSON.stringify(this.#gatewayConfig(), null, 2));
        const args = ['run', '--config', this.path('gateway.json'), '--json'];
        this.#programs.set(name, new Program('gateway', args, { logFile, onEvent }));
        break;
      }
      case 'receiver': {
        const args = ['listen', ...this.#deviceArgs(), '--until-installed', '--json'];
        this.#programs.set(name, new Program('receiver', args, { logFile, onEvent }));
        break;
      }
    }
  }

  /**
   * An attacker's transmitter on the station's frequency, with a package of his own making. No gateway of ours would send
   * it, so he uses the filters; the receiver gets what its dongle would hear of him.
   */
  async tuneToAttacker(packagePath: string): Promise<void> {
    const groups = this.path('attack.hex');
    const signal = this.path('attack_98.5M_250k.cu8');
    const { stdout } = await runOrThrow('gateway', ['encode', packagePath, '-o', 'hex']);
    writeFileSync(groups, stdout);
    await runOrThrow('gateway', ['modulate', '-i', 'hex', '-f', groups, '-r', '250k', '-o', 'iq', '-w', signal]);
    this.#writeDeviceConfig({ kind: 'file', path: signal });
  }

  /** What the developer does: one upload, on air now. Returns the backend's answer. */
  publish(isOnAirNow = true): Promise<Record<string, unknown>> {
    return this.carillon(
      ...['update', 'add', this.path('new.img'), '--device-type', `${VENDOR}/${DEVICE_TYPE}`],
      ...['--version', this.newApplication.version, ...(isOnAirNow ? ['--at', 'now'] : [])],
    );
  }

  /** Whether the backend lists this version. */
  async hasUpdate(version: string): Promise<boolean> {
    const { stdout } = await runOrThrow('carillon', ['update', 'list', '--json'], this.#clientEnv());
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .some((line) => lastJsonLine(line)['version'] === version);
  }

  /** The sealed package of an update, as the backend keeps it. */
  async fetchPackage(updateId: string): Promise<Uint8Array> {
    const token = readFileSync(this.path('developer.token'), 'utf8').trim();
    const response = await fetch(`http://127.0.0.1:${this.#ports.api}/v1/updates/${updateId}/package`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (!response.ok)
      throw Object.assign(new Error(`The backend answered ${response.status} for the package.`), { code: 'HTTP' });
    return new Uint8Array(await response.arrayBuffer());
  }

  program(name: RunningName): Program | undefined {
    return this.#programs.get(name);
  }

  /** Resolves with the receiver's exit status when it has installed or refused. */
  async receiverEnds(timeoutMs: number): Promise<number | null> {
    const receiver = this.#programs.get('receiver');
    if (receiver === undefined) throw Object.assign(new Error('The receiver was not started.'), { code: 'ORDER' });
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          Object.assign(
            new Error(`The receiver was not done after ${timeoutMs / 1000} s; logs: ${this.path('logs')}`),
            {
              code: 'TOO_LONG',
            },
          ),
        );
      }, timeoutMs);
    });
    try {
      return await Promise.race([receiver.exited, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  async kill(name: RunningName): Promise<void> {
    await this.#programs.get(name)?.kill();
    this.#programs.delete(name);
  }

  async stop(name: RunningName): Promise<void> {
    await this.#programs.get(name)?.stop();
    this.#programs.delete(name);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#programs.keys()].map((name) => this.stop(name)));
  }

  /** Power off, power on: the boot loader decides which slot starts. */
  async reboot(): Promise<string> {
    const { stdout } = await runOrThrow('receiver', ['boot', ...this.#deviceArgs()]);
    return String(lastJsonLine(stdout)['slot']);
  }

  /** Runs what the slot holds. */
  checkHealth(slot: string): HealthCheck {
    return runSlot(this.path('device', 'slots', `slot-${slot.toLowerCase()}.img`), this.path('scratch'));
  }

  async markGood(): Promise<void> {
    await runOrThrow('receiver', ['mark-good', ...this.#deviceArgs()]);
  }

  async status(): Promise<DeviceStatus> {
    const { stdout } = await run('receiver', ['status', ...this.#deviceArgs(), '--json']);
    return lastJsonLine(stdout) as unknown as DeviceStatus;
  }

  logFiles(): string[] {
    return readdirSync(this.path('logs')).map((name) => this.path('logs', name));
  }
}
