import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type AirOptions, AirSink } from '#hardware/air/sink.ts';
import { HardwareError } from '#hardware/fault.ts';
import { parseRtlTcpAddress, RtlTcpSource } from '#hardware/rtlsdr/client.ts';
import {
  beginsGreeting,
  COMMAND,
  CommandReader,
  encodeCommand,
  encodeGreeting,
  parseGreeting,
} from '#hardware/rtlsdr/protocol.ts';

const TUNE = { frequencyHz: 98_500_000, rateHz: 250_000, gainDb: 28, correctionPpm: -3 } as const;
/** R820T with 29 gains, as rtl_tcp.c sends it. */
const GREETING = Buffer.from('52544c30000000050000001d', 'hex');

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server made for one misbehaviour. */
async function serve(behave: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function source(port: number, more: Partial<ConstructorParameters<typeof RtlTcpSource>[0]> = {}): RtlTcpSource {
  const opened = new RtlTcpSource({ host: '127.0.0.1', port, ...more });
  closing.unshift(async () => await opened.close());
  return opened;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof HardwareError ? error.code : String(error);
  }
  return 'none';
}

async function readAll(from: RtlTcpSource): Promise<{ bytes: Buffer; odd: number; code: string }> {
  const chunks: Uint8Array[] = [];
  let odd = 0;
  const code = await codeOf(
    (async () => {
      for await (const chunk of from.chunks()) {
        chunks.push(chunk);
        odd += chunk.length % 2;
      }
    })(),
  );
  return { bytes: Buffer.concat(chunks), odd, code };
}

describe('the rtl_tcp protocol', () => {
  it('has the greeting of rtl_tcp.c', () => {
    expect(Buffer.from(encodeGreeting(5, 29)).equals(GREETING)).toBe(true);
    expect(parseGreeting(GREETING)).toEqual({ tunerName: 'R820T', gainCount: 29 });
    expect(parseGreeting(GREETING.subarray(0, 11))).toBeUndefined();
    expect(parseGreeting(Buffer.from('HTTP/1.1 400'))).toBeUndefined();
    for (let length = 0; length <= 12; length++) expect(beginsGreeting(GREETING.subarray(0, length))).toBe(true);
    expect(beginsGreeting(Buffer.from('RTX'))).toBe(false);
  });

  it('has the five-byte commands of rtl_tcp.c', () => {
    expect(Buffer.from(encodeCommand(1, 98_500_000)).toString('hex')).toBe('0105defda0');
    expect(Buffer.from(encodeCommand(5, -3)).toString('hex')).toBe('05fffffffd');
  });

  it('reads commands cut anywhere', () => {
    const bytes = Buffer.concat([encodeCommand(2, 250_000), encodeCommand(5, -3), encodeCommand(1, 4_000_000_000)]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new CommandReader();
      const commands = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))];
      expect(commands).toEqual([
        { command: 2, value: 250_000 },
        { command: 5, value: 4_294_967_293 },
        { command: 1, value: 4_000_000_000 },
      ]);
    }
  });

  it('takes HOST:PORT', () => {
    expect(parseRtlTcpAddress('pi.local')).toEqual({ host: 'pi.local', port: 1234 });
    expect(parseRtlTcpAddress('10.0.0.2:7000')).toEqual({ host: '10.0.0.2', port: 7000 });
    expect(parseRtlTcpAddress('[::1]:7000')).toEqual({ host: '::1', port: 7000 });
    for (const wrong of ['', ':1', 'a:0', 'a:65536', 'a:b', 'a b']) expect(parseRtlTcpAddress(wrong)).toBeUndefined();
  });
});

describe('the rtl_tcp client', () => {
  it('asks for what it wants, the frequency last, and gives the samples as they come', async () => {
    const sent = Buffer.from(Array.from({ length: 1001 }, (_, i) => i & 255));
    const heard: Buffer[] = [];
    const port = await serve((socket) => {
      // Greeting and samples cut at awkward places.
      for (const piece of [GREETING.subarray(0, 3), GREETING.subarray(3), sent.subarray(0, 7)]) socket.write(piece);
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        if (Buffer.concat(heard).length === 30) {
          socket.write(sent.subarray(7, 500));
          socket.end(sent.subarray(500));
        }
      });
    });
    const dongle = source(port);
    const tuned = await dongle.open(TUNE);
    expect(tuned).toMatchObject({ frequencyHz: 98_500_000, rateHz: 250_000, format: 'cu8' });
    expect(tuned.description).toContain('R820T');
    const { bytes, odd, code } = await readAll(dongle);
    expect(code).toBe('RTL_TCP_GONE');
    expect(odd).toBe(0);
    // Half a sample at the end is no sample.
    expect(bytes.equals(sent.subarray(0, 1000))).toBe(true);
    expect(Buffer.concat(heard).toString('hex')).toBe(
      ['020003d090', '05fffffffd', '0300000001', '0400000118', '0800000000', '0105defda0'].join(''),
    );
  });

  it.each([
    [{ gainDb: 'auto', correctionPpm: 0 } as const, {}, '03000000000800000000'],
    [{ gainDb: 19.7, correctionPpm: 2.4 } as const, {}, '030000000104000000c50800000000'],
    [{ gainDb: -1, correctionPpm: 0 } as const, {}, '030000000104fffffff60800000000'],
    [{ gainDb: 'auto', correctionPpm: 0 } as const, { biasTee: true }, '030000000008000000000e00000001'],
    [{ gainDb: 'auto', correctionPpm: 0 } as const, { biasTee: false }, '030000000008000000000e00000000'],
  ])('asks for %j and %j as rtl_tcp.c reads it', async (request, options, commands) => {
    const heard: Buffer[] = [];
    const port = await serve((socket) => {
      socket.write(GREETING);
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        // The frequency ends it.
        if (Buffer.concat(heard).toString('hex').endsWith('0105defda0')) socket.end();
      });
    });
    const dongle = source(port, options);
    await dongle.open({ ...TUNE, ...request });
    await readAll(dongle);
    const ppm = Buffer.from(encodeCommand(COMMAND.correctionPpm, Math.round(request.correctionPpm))).toString('hex');
    expect(Buffer.concat(heard).toString('hex')).toBe(`020003d090${ppm}${commands}0105defda0`);
  });

  it('does not ask for a rate that a dongle would not have', async () => {
    const port = await serve((socket) => socket.write(GREETING));
    for (const rateHz of [48_000, 225_000, 300_001, 500_000, 900_000, 3_200_001])
      expect(await codeOf(source(port).open({ ...TUNE, rateHz })), `${rateHz}`).toBe('RTL_TCP_RATE');
  });

  it('retunes on the open connection, and gives nothing of the earlier frequency', async () => {
    const USB = 262_144;
    // As a dongle at 250,000 samples/s that fills its USB buffers: the one under way at the command is old and new.
    let isRetuned = false;
    const port = await serve((socket) => {
      socket.write(GREETING);
      const reader = new CommandReader();
      let buffers = 0;
      socket.on('data', (chunk: Buffer) => {
        for (const { command, value } of reader.push(chunk)) {
          if (command !== COMMAND.frequencyHz) continue;
          if (value === 98_500_000) socket.write(Buffer.alloc(3 * USB, 1));
          else isRetuned = true;
        }
        if (!isRetuned || buffers > 0) return;
        buffers++;
        // What was in the pipe comes at once, the buffer that was being filled later.
        socket.write(Buffer.alloc(USB, 1));
        setTimeout(() => {
          const halfOld = Buffer.alloc(USB, 1);
          halfOld.fill(2, USB / 2);
          socket.write(halfOld);
          // 0.1 s in which the tuner settles.
          socket.write(Buffer.alloc(50_000, 3));
          socket.write(Buffer.alloc(USB, 2));
          socket.end();
        }, 600);
      });
    });
    const dongle = source(port);
    await dongle.open(TUNE);
    const chunks = dongle.chunks();
    expect((await chunks.next()).value?.[0]).toBe(1);
    expect(await dongle.retune(101_100_000)).toMatchObject({ frequencyHz: 101_100_000, rateHz: 250_000 });
    const after: Uint8Array[] = [];
    const code = await codeOf(
      (async () => {
        for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) after.push(chunk);
      })(),
    );
    expect(code).toBe('RTL_TCP_GONE');
    const bytes = Buffer.concat(after);
    expect(bytes.length).toBe(USB);
    expect(bytes.every((byte) => byte === 2)).toBe(true);
  });

  it('knows samples that are made from samples that waited, also when they never pause', async () => {
    let sent = 0;
    const port = await serve((socket) => {
      socket.write(GREETING);
      let value = 0;
      const reader = new CommandReader();
      socket.on('data', (chunk: Buffer) => {
        value += reader.push(chunk).filter(({ command }) => command === COMMAND.frequencyHz).length;
      });
      // 250,000 samples/s in pieces of 40 ms, as the simulated air at speed 1.
      const timer = setInterval(() => {
        if (value > 0) socket.write(Buffer.alloc(20_000, value));
        if (value > 1) sent += 20_000;
      }, 40);
      socket.on('close', () => clearInterval(timer));
    });
    const dongle = source(port);
    await dongle.open(TUNE);
    const chunks = dongle.chunks();
    await chunks.next();
    await dongle.retune(101_100_000);
    expect((await chunks.next()).value?.[0]).toBe(2);
    // The dongle's buffer and 0.1 s are 312 kB; a pipe that is believed full would take 16 MB.
    expect(sent).toBeGreaterThan(300_000);
    expect(sent).toBeLessThan(2_000_000);
  });

  it('cannot be retuned or read before it is open', async () => {
    const dongle = new RtlTcpSource({ host: '127.0.0.1', port: 1 });
    expect(await codeOf(dongle.retune(1e8))).toBe('RTL_TCP_NOT_OPEN');
    expect(await codeOf(dongle.chunks().next())).toBe('RTL_TCP_NOT_OPEN');
  });

  it.each([1, 2, 3, 11, 12, 13, 14, 15])('copes with a stream cut into pieces of %d bytes', async (size) => {
    const stream = Buffer.concat([GREETING, Buffer.from(Array.from({ length: 60 }, (_, i) => i))]);
    const port = await serve((socket) => {
      socket.setNoDelay(true);
      const next = (at: number): void => {
        if (at >= stream.length) socket.end();
        else socket.write(stream.subarray(at, at + size), () => setImmediate(next, at + size));
      };
      next(0);
      socket.resume();
    });
    const dongle = source(port);
    await dongle.open(TUNE);
    const { bytes, odd } = await readAll(dongle);
    expect(odd).toBe(0);
    expect(bytes.equals(stream.subarray(12))).toBe(true);
  });

  it('says what is wrong: nobody there, something else there, in use, silent', async () => {
    const free = await serve(() => {});
    await closing.pop()?.();
    expect(await codeOf(source(free).open(TUNE))).toBe('RTL_TCP_CONNECT');
    const web = await serve((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await codeOf(source(web).open(TUNE))).toBe('RTL_TCP_GREETING');
    const short = await serve((socket) => socket.end('220 \r\n'));
    expect(await codeOf(source(short).open(TUNE))).toBe('RTL_TCP_GREETING');
    // RFC 2606: a name that is nobody's.
    const nobody = new RtlTcpSource({ host: 'dongle.invalid', port: 1234 });
    expect(await codeOf(nobody.open(TUNE))).toBe('RTL_TCP_NAME');
    const claimed = await serve((socket) => socket.end());
    expect(await codeOf(source(claimed).open(TUNE))).toBe('RTL_TCP_CLAIMED');
    const silent = await serve((socket) => socket.resume());
    expect(await codeOf(source(silent, { greetingSeconds: 0.05 }).open(TUNE))).toBe('RTL_TCP_SILENT');
  });

  it('notices a dongle that falls silent, and one that is torn out', async () => {
    const silent = await serve((socket) => socket.write(GREETING));
    const first = source(silent, { silenceSeconds: 0.05 });
    await first.open(TUNE);
    expect((await readAll(first)).code).toBe('RTL_TCP_GONE');
    const torn = await serve((socket) => {
      socket.write(GREETING);
      socket.once('data', () => socket.resetAndDestroy());
    });
    const second = source(torn);
    await second.open(TUNE);
    expect((await readAll(second)).code).toBe('RTL_TCP_GONE');
  });

  it('ends quietly when it is closed, and can be replaced by a new one', async () => {
    const port = await serve((socket) => socket.write(Buffer.concat([GREETING, Buffer.alloc(4)])));
    for (let round = 0; round < 2; round++) {
      const dongle = source(port);
      await dongle.open(TUNE);
      let bytes = 0;
      for await (const chunk of dongle.chunks()) {
        bytes += chunk.length;
        await dongle.close();
      }
      expect(bytes).toBe(4);
    }
  });

  it('does not read on while its caller is busy', async () => {
    let written = 0;
    const port = await serve((socket) => {
      socket.write(GREETING);
      const more = (): void => {
        while (!socket.destroyed && written < 64e6 && socket.write(Buffer.alloc(65_536))) written += 65_536;
      };
      socket.on('drain', more);
      more();
    });
    const dongle = source(port, { queueBytes: 65_536 });
    await dongle.open(TUNE);
    const samples = dongle.chunks();
    await samples.next();
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    // What the system's socket buffers take, and no more.
    expect(written).toBeLessThan(32e6);
  });
});

const AIR: AirOptions = {
  port: 0,
  speed: 0,
  stationHz: TUNE.frequencyHz,
  stationRateHz: 250_000,
  levelDbfs: -6,
  cnDb: Number.POSITIVE_INFINITY,
  tuningPpm: 0,
  clockPpm: 0,
  seed: 1,
};

async function openAir(options: Partial<AirOptions>): Promise<AirSink> {
  const air = await AirSink.open({ ...AIR, ...options });
  closing.push(async () => await air.close());
  return air;
}

/** Where the carrier is: mean turn from sample to sample. */
function peakHz(bytes: Uint8Array, rateHz: number): number {
  let [re, im] = [0, 0];
  for (let k = 2; k < bytes.length; k += 2) {
    const [a, b, c, d] = [bytes[k - 2], bytes[k - 1], bytes[k], bytes[k + 1]].map((value) => value - 127.5);
    re += a * c + b * d;
    im += a * d - b * c;
  }
  return (Math.atan2(im, re) / (2 * Math.PI)) * rateHz;
}

const CARRIER = Float32Array.from({ length: 20_000 }, (_, i) => (i + 1) % 2);

describe('the simulated air as a dongle', () => {
  it('loses nothing to a listener that it waits for', async () => {
    const air = await openAir({ waitForListener: true });
    const dongle = source(air.port);
    const station = (async (): Promise<void> => {
      for (let i = 0; i < 100; i++) await air.write(CARRIER);
      await air.close();
    })();
    await dongle.open({ ...TUNE, correctionPpm: 0 });
    const { bytes } = await readAll(dongle);
    await station;
    expect(bytes.length).toBe(100 * CARRIER.length);
    expect(new Set(bytes)).toEqual(new Set([191, 127, 128]).intersection(new Set(bytes)));
  });

  it('gives noise and no station on another frequency', async () => {
    const air = await openAir({ cnDb: 20, waitForListener: true });
    const dongle = source(air.port);
    const station = (async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await air.write(CARRIER);
      await air.close();
    })();
    await dongle.open({ ...TUNE, frequencyHz: 101_000_000 });
    const { bytes } = await readAll(dongle);
    await station;
    expect(bytes.length).toBeGreaterThan(0);
    expect(Math.max(...bytes.subarray(0, 20_000))).toBeLessThan(160);
  });

  it('hangs up on a second listener, which is told that the dongle is in use', async () => {
    const events: string[] = [];
    const air = await openAir({ onEvent: (text) => events.push(text) });
    await source(air.port).open(TUNE);
    expect(await codeOf(source(air.port).open(TUNE))).toBe('RTL_TCP_CLAIMED');
    expect(events.join('\n')).toContain('one at a time');
  });

  it('hangs up on a rate that no dongle has', async () => {
    const events: string[] = [];
    const air = await openAir({ onEvent: (text) => events.push(text) });
    const client = connect(air.port, '127.0.0.1');
    client.write(encodeCommand(COMMAND.rateHz, 500_000));
    client.resume();
    await once(client, 'close');
    expect(events.join('\n')).toContain('500000 samples/s, which no RTL2832U can do');
  });

  it.each([225_001, 250_000, 300_000, 900_001, 1_024_000, 2_400_000, 3_200_000])(
    'takes the commands of any SDR program at %i samples/s, in any order, and gives the station there',
    async (rateHz) => {
      const air = await openAir({ cnDb: 40, waitForListener: true });
      const station = (async (): Promise<void> => {
        for (let i = 0; i < 40; i++) await air.write(CARRIER);
        await air.close();
      })();
      const client = connect(air.port, '127.0.0.1');
      const received: Buffer[] = [];
      client.on('data', (chunk: Buffer) => received.push(chunk));
      await once(client, 'connect');
      // Every command of rtl_tcp.c, also those that a simulation has no use for, byte by byte.
      const others = [0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0xff];
      const offsetHz = rateHz < 900_000 ? 50_000 : 200_000;
      const commands = Buffer.concat([
        ...others.map((command) => encodeCommand(command, 0)),
        encodeCommand(COMMAND.rateHz, rateHz),
        encodeCommand(COMMAND.frequencyHz, TUNE.frequencyHz - offsetHz),
      ]);
      for (const byte of commands) client.write(Uint8Array.of(byte));
      await once(client, 'close');
      await station;
      const bytes = Buffer.concat(received);
      expect(bytes.subarray(0, 12).equals(GREETING)).toBe(true);
      const samples = bytes.subarray(12);
      // 40 x 40 ms of the station, at the listener's rate, up to what its filters hold back.
      expect(samples.length / 2).toBeGreaterThan(1.6 * rateHz - 200);
      expect(samples.length / 2).toBeLessThanOrEqual(1.6 * rateHz + 200);
      expect(peakHz(samples.subarray(20_000, 20_000 + 2 * 4096), rateHz)).toBeCloseTo(offsetHz, -3);
    },
  );

  it('goes at the asked multiple of the wall clock, with nobody listening', async () => {
    let nowMs = 5000;
    const wall = {
      nowMs: () => nowMs,
      sleepMs: (ms: number): Promise<void> => {
        nowMs += ms;
        return Promise.resolve();
      },
    };
    const air = await openAir({ speed: 12, wall, lossShare: 0.5, lossGroups: 3 });
    // 10,000 samples are 40 ms of the station.
    for (let i = 0; i < 3001; i++) await air.write(CARRIER);
    expect(nowMs - 5000).toBeGreaterThan(120_000 / 12 - 10);
    expect(nowMs - 5000).toBeLessThan(120_000 / 12 + 10);
    expect(air.counts().samples).toBe(3001 * 10_000);
    expect(air.counts().fadedSamples).toBeGreaterThan(0);
  });

  it('does not make up for time in which it was held up', async () => {
    let nowMs = 0;
    let slept = 0;
    const wall = {
      nowMs: () => nowMs,
      sleepMs: (ms: number): Promise<void> => {
        nowMs += ms;
        slept += ms;
        return Promise.resolve();
      },
    };
    const air = await openAir({ speed: 1, wall });
    await air.write(CARRIER);
    nowMs += 60_000;
    for (let i = 0; i < 100; i++) await air.write(CARRIER);
    expect(slept).toBeGreaterThan(3900);
  });
});
