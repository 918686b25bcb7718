/** A running gateway: state, line, carousel and signal put together. Decides nothing that has a file of its own. */

import { StreamCarrier } from '#codec/groups/carry.ts';
import { formatHexWord } from '#codec/groups/hex.ts';
import type { Heartbeat } from '#codec/messages/link.ts';
import { CountedClock, SystemClock } from '#hardware/clock/clock.ts';
import { readBundle, readTrustedKeys } from './bundle.ts';
import type { StationAir } from './capacity.ts';
import { Carousel } from './carousel.ts';
import { readPackage } from './command-line-packages.ts';
import type { GatewayConfig } from './config.ts';
import type { Events } from './events.ts';
import { EXIT, GatewayError } from './fault.ts';
import { GroupClock, type Pulled } from './group-clock.ts';
import { Intake } from './intake.ts';
import { isHeld, type KnownJob } from './jobs.ts';
import { describeOutput, type OutputDescription, requireOnAir } from './limits.ts';
import { Link } from './link.ts';
import { closeOutputs, openOutputs } from './outputs.ts';
import { Plan } from './plan.ts';
import { Programme } from './programme.ts';
import { largestShare, ratesOf } from './rota.ts';
import type { Broadcast, Shelf } from './shelf.ts';
import { type GatewayState, openState } from './state.ts';
import { type GatewayStatus, StatusWriter } from './status.ts';
import { openAudio } from './programme-audio.ts';
import { transmit } from './transmit.ts';
import { Upkeep } from './upkeep.ts';

const SOFTWARE = 'carillon-gateway 0.1.0';

export interface RunOptions {
  readonly onAir: boolean;
  readonly packages: readonly string[];
  /** End after so much of the station's time. */
  readonly seconds: number | undefined;
}

const HOUSEKEEPING_MS = 1000;
const SAVE_COUNTS_MS = 10_000;
/** No group for so long: not transmitting. */
const SILENT_MS = 5000;
/** After a disk error or a transfer that stands still. */
const RETRY_MS = 30_000;

export async function runGateway(
  config: GatewayConfig,
  options: RunOptions,
  events: Events,
  stop: AbortSignal,
): Promise<void> {
  const { station } = config;
  const descriptions = await Promise.all(config.outputs.map(describeOutput));
  requireOnAir(descriptions, options.onAir);
  const bundle = config.link === undefined ? undefined : await readBundle(config.link);
  const trustedKeys = await readTrustedKeys(config.trustedKeys);
  if (bundle !== undefined) trustedKeys.push(bundle.releaseKey);
  const trust = trustedKeys.length > 0 ? trustedKeys : trustNobody(descriptions, events);
  const given = await Promise.all(options.packages.map(async (path) => await readPackage(path, trust)));

  const state = await openState(config.stateDir, station.streams, trustedKeys);
  const { jobs, packages, counters, metrics } = state;
  const programme = new Programme(station);
  const carriers = station.streams.map(
    (stream) =>
      new StreamCarrier({
        ...programme.header,
        stream,
        groupTypeCode: station.groupTypeCode,
        channel: station.channel,
        counter: counters.startOf(stream),
      }),
  );
  const plan = new Plan({
    air: airOf(config),
    largestShare: largestShare(ratesOf(station)),
    jobs,
    metrics,
  });
  const { shelf } = plan;
  const carousel = new Carousel({
    pi: station.pi,
    carriers,
    previous: state.directory?.pi === station.pi ? state.directory : undefined,
    save: async (directory) => await state.saveDirectory(directory),
    live: (jobId) => plan.live(jobId, Date.now()),
    nibblesPerSecond: plan.capacity.nibblesPerSecond,
  });
  const announced = new Set<string>();
  const reshelve = (isChanged = true): void => {
    const objects = plan.newLine(Date.now(), isChanged);
    if (objects !== undefined) carousel.setObjects(objects);
  };
  const intake = new Intake({
    jobs,
    packages,
    retryMs: RETRY_MS,
    onEvent: events.say,
    refusalOf: (job) => plan.refusalOf(job, Date.now()),
    onHeld(known, bytes) {
      shelf.put(broadcastOf(known), bytes);
      reshelve();
    },
    onChanged(known) {
      shelf.change(broadcastOf(known));
      reshelve();
    },
    onGone(jobId) {
      announced.delete(jobId);
      if (shelf.remove(jobId)) reshelve();
      metrics.forgetJob(jobId);
    },
  });
  const startedMs = Date.now();
  const clock = new CountedClock(startedMs);
  const upkeep = new Upkeep({
    counters,
    carousel,
    streams: station.streams,
    onFault: (text) => events.say('disk-error', text),
  });
  let lastSentMs = 0;
  const onSent = (pulled: readonly Pulled[]): void => {
    if (pulled.length === 0) return;
    const nowMs = Date.now();
    lastSentMs = nowMs;
    for (const { stream, isData, identity, counter } of pulled) {
      metrics.countGroup(stream, isData);
      if (identity === undefined) continue;
      for (const jobId of shelf.jobsOf(identity)) {
        metrics.countJob(jobId, { stream, counter, blocks: shelf.blocksOf(jobId) }, nowMs);
        if (announced.has(jobId)) continue;
        announced.add(jobId);
        const { scheme, reason = '' } = shelf.schemeOf(jobId) ?? {};
        events.say('job-on-air', `The first group of job ${jobId} has left. ${reason}`, { jobId, scheme, reason });
        void intake.onAir(jobId);
      }
    }
  };
  const heartbeat = (): Heartbeat => {
    const timeMs = Date.now();
    const onAir = metrics.onAir().filter(({ jobId }) => jobs.get(jobId) !== undefined);
    return {
      kind: 'heartbeat',
      timeMs,
      transmitting: timeMs - lastSentMs < SILENT_MS,
      onAir,
      streams: metrics.streams(),
    };
  };

  const ended = new AbortController();
  const end = (): void => ended.abort();
  stop.addEventListener('abort', end);
  let timers: NodeJS.Timeout[] = [];
  let link: Link | undefined;
  let status: StatusWriter | undefined;
  let linking: Promise<void> = Promise.resolve();
  try {
    await restoreJobs(state, shelf, events);
    // What ended while nobody ran must not go on air for even a second.
    await intake.expire(Date.now());
    await intake.supersede();
    for (const { broadcast, bytes } of given) shelf.put(broadcast, bytes);
    reshelve();
    // Says whether the data share can be kept, before anything is opened.
    const groups = new GroupClock({
      station,
      programme,
      dataShare: config.dataShare,
      carousel,
      carriers,
      counters,
      startMs: startedMs,
      wallClock: descriptions.some(({ transmits }) => transmits) ? new SystemClock() : undefined,
    });
    const audio = await openAudio(station.audio);
    const outputs = await openOutputs(config.outputs, station.frequencyHz, (text) =>
      events.say('air', `Air: ${text}.`),
    );
    // A station that waits for its first listener must still be able to stop.
    ended.signal.addEventListener('abort', () => void closeOutputs({ iq: outputs.airs, mpx: [] }));
    try {
      if (bundle !== undefined && config.link !== undefined) {
        link = new Link({
          ...bundle,
          software: SOFTWARE,
          intake,
          jobs,
          heartbeat,
          heartbeatMs: config.link.heartbeatSeconds * 1000,
          onEvent: events.say,
        });
        linking = link.run(ended.signal);
      }
      const describe = (): GatewayStatus => {
        const nowMs = Date.now();
        const held = jobs.all().map((known) => ({ ...known, jobId: known.job.jobId }));
        const files = given.map(({ broadcast }) => ({ jobId: broadcast.jobId, state: 'given', detail: '' }));
        return {
          timeMs: nowMs,
          pid: process.pid,
          startedMs,
          station: {
            name: station.name,
            pi: formatHexWord(station.pi),
            frequencyHz: station.frequencyHz,
          },
          stationTimeMs: clock.nowMs(),
          speed: (clock.nowMs() - startedMs) / Math.max(1, nowMs - startedMs),
          outputs: descriptions.map(({ text }) => text),
          streams: metrics.streams(),
          directoryVersion: carousel.directory?.version ?? null,
          onAir: metrics.onAir(),
          jobs: [...held.map(({ jobId, state, detail }) => ({ jobId, state, detail })), ...files],
          outlook: plan.outlook(carousel.listedJobs(), nowMs),
          link: link?.status() ?? null,
          counts: { ...intake.counts, stateFaults: upkeep.faults },
          air: outputs.airs.map((air) => air.counts()),
        };
      };
      status = new StatusWriter(state.folder, describe);
      const endMs = options.seconds === undefined ? Number.POSITIVE_INFINITY : startedMs + options.seconds * 1000;
      timers = [
        setInterval(() => {
          void intake.expire(Date.now());
          // A window closed, or one that waits for a handle is before one that is finished.
          reshelve(false);
        }, HOUSEKEEPING_MS),
        setInterval(() => void metrics.save().catch(() => {}), SAVE_COUNTS_MS),
      ];
      events.say('started', `${station.name} is sending to ${descriptions.map(({ text }) => text).join(', ')}.`, {
        ports: outputs.airs.map(({ port }) => port),
        pid: process.pid,
      });
      await transmit(
        {
          rateHz: config.rateHz,
          streams: station.streams,
          rdsDeviationHz: station.rdsDeviationHz,
          audio,
          groups,
          outputs,
          clock,
          between: upkeep.between,
          onSent(pulled) {
            onSent(pulled);
            if (clock.nowMs() >= endMs) end();
          },
        },
        ended.signal,
      );
    } finally {
      await status?.close();
      await closeOutputs(outputs);
    }
  } finally {
    end();
    stop.removeEventListener('abort', end);
    for (const timer of timers) clearInterval(timer);
    await linking;
    await intake.close();
    await metrics.save().catch(() => {});
    await state.close();
  }
  events.say('stopped', `${station.name} has stopped; jobs and packages are kept in ${state.folder}.`);
}

/** Without any key a package is sent as it is, but only where no antenna is: for trying out what receivers do with it. */
function trustNobody(outputs: readonly OutputDescription[], events: Events): undefined {
  if (outputs.some(({ transmits }) => transmits))
    throw new GatewayError(
      'NO_TRUSTED_KEY',
      'No release key is trusted, so nothing may be sent to a transmitter. Give trustedKeys, or a link with its bundle.',
      EXIT.refused,
    );
  events.say('unverified', 'No release key is configured: packages go UNVERIFIED to the simulated outputs.');
  return undefined;
}

/** Puts on the shelf what was stored before, each verified anew. */
async function restoreJobs({ jobs, packages }: GatewayState, shelf: Shelf, events: Events): Promise<void> {
  await packages.sweep(new Set(jobs.all().map(({ job }) => job.jobId)));
  for (const known of jobs.all()) {
    const { job, state } = known;
    if (state === 'refused' || state === 'finished') continue;
    const bytes = await packages.load(job);
    if (bytes !== undefined) {
      // A crash between the renaming and the list: it is whole and verified, so it is stored.
      if (state === 'wanted') await jobs.apply(job.jobId, 'accepted');
      shelf.put(broadcastOf(known), bytes);
    } else if (isHeld(known)) {
      await jobs.apply(job.jobId, 'damaged');
      events.say('package-damaged', `The stored package of job ${job.jobId} is damaged; it will be fetched anew.`, {
        jobId: job.jobId,
      });
    }
  }
}

function broadcastOf({ job, promised }: KnownJob): Broadcast {
  return { ...job, promised };
}

/** Deadlines are meant by the wall clock. Files, and an air as fast as it goes, are planned as if they were real time. */
function airOf({ dataShare, station, outputs }: GatewayConfig): StationAir {
  const speeds = outputs.flatMap((output) => (output.kind === 'air' && output.speed > 0 ? output.speed : []));
  const speed = speeds.length === 0 ? 1 : Math.min(...speeds);
  const { streams, assumedLoss, receiverMemoryBytes } = station;
  return { dataShare, streams, assumedLoss, matrixBytes: receiverMemoryBytes, speed };
}
