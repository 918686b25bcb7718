/** What state the device is in: five facts with five kinds of evidence, never one in place of another. */

import { explainRefusal, type RefusalReason } from '#codec/package/refusal.ts';
import type { BootState, SlotName } from '#hardware/contracts.ts';
import type { EnvironmentHealth } from '#hardware/boot/uboot-env.ts';
import { type Device, observe } from './device.ts';
import { type Advice, adviceFor, PATIENCE_SECONDS } from './advice.ts';
import { describeCarrier, describeFollowed, percent } from './describe-signal.ts';
import type { InstallState } from './install-states.ts';
import type { MeasuredStream } from './measure.ts';
import { type Progress, readProgress } from './progress.ts';
import { describeHistory } from './reception-history.ts';
import { describeStorage } from './reception-report.ts';
import type { HistoryEntry, LoadedState, RefusalCount, SlotFacts } from './state.ts';
import { describeWrong } from './wrong-groups.ts';

interface VersionFact {
  readonly version: string;
  readonly sequence: number;
  readonly timeMs: number;
}

export interface DeviceStatus {
  readonly device: { readonly vendor: string; readonly deviceType: string; readonly hardwareRevision: number | null };
  readonly facts: {
    /** A device that can only listen cannot know what is sent, only what it hears. */
    readonly onAir: 'not known to a receiver';
    /** Whole, signed and for this device. */
    readonly received: VersionFact | null;
    /** In a slot, read back, and not started yet. */
    readonly written: (VersionFact & { readonly slot: SlotName; readonly startsNext: boolean }) | null;
    /** What the boot loader says it started. */
    readonly running: { readonly slot: SlotName; readonly version: string | null; readonly sequence: number | null };
    /** What proved itself last. */
    readonly confirmed: (VersionFact & { readonly slot: SlotName }) | null;
  };
  readonly installState: InstallState;
  readonly slots: Readonly<Record<SlotName, SlotFacts | null>>;
  readonly boot: BootState & { readonly environment: EnvironmentHealth | 'unknown' };
  readonly sequenceFloor: number;
  readonly stateHealth: LoadedState['health'];
  readonly failed: readonly { readonly version: string; readonly sequence: number }[];
  readonly refusals: readonly (RefusalCount & { readonly reason: RefusalReason; readonly explanation: string })[];
  readonly receiving:
    | (Progress & {
        readonly ageSeconds: number;
        /** Why nothing is received; null while something is, or when nothing was listened to. */
        readonly advice: Advice | null;
      })
    | null;
  readonly history: readonly HistoryEntry[];
}

export async function deviceStatus(
  device: Device,
  environment: EnvironmentHealth | 'unknown',
  stateFolder: string,
): Promise<DeviceStatus> {
  const { boot, facts, sequenceFloor } = await observe(device);
  const { health } = await device.store.load();
  const progress = await readProgress(stateFolder);
  const running = facts.slots[boot.running];
  const { identity } = device;
  return {
    device: {
      vendor: identity.vendor,
      deviceType: identity.deviceType,
      hardwareRevision: identity.hardwareRevision ?? null,
    },
    facts: {
      onAir: 'not known to a receiver',
      received: facts.received === null ? null : versionFact(facts.received, facts.received.timeMs),
      written: writtenFact(boot, facts.slots),
      running: { slot: boot.running, version: running?.version ?? null, sequence: running?.sequence ?? null },
      confirmed: confirmedFact(facts.slots),
    },
    installState: facts.install?.state ?? 'idle',
    slots: facts.slots,
    boot: { ...boot, environment },
    sequenceFloor,
    stateHealth: health,
    failed: facts.failed.map(({ version, sequence }) => ({ version, sequence })),
    refusals: Object.entries(facts.refusals).map(([reason, count]) => ({
      reason: reason as RefusalReason,
      explanation: explainRefusal({ reason: reason as RefusalReason, detail: count.lastDetail }),
      ...count,
    })),
    receiving: progress === undefined ? null : receivingNow(progress, device.nowMs()),
    history: facts.history,
  };
}

function receivingNow(progress: Progress, nowMs: number): DeviceStatus['receiving'] {
  const { signal, connected } = progress;
  // What was heard of a source that is gone says nothing about now; a recording without a block has been like this.
  const isTelling = signal !== null && (connected || signal.acceptedBlocks === 0);
  const advice = isTelling ? (adviceFor(signal, connected ? PATIENCE_SECONDS : undefined) ?? null) : null;
  return { ...progress, ageSeconds: Math.max(0, (nowMs - progress.timeMs) / 1000), advice };
}

function versionFact({ version, sequence }: { version: string; sequence: number }, timeMs: number): VersionFact {
  return { version, sequence, timeMs };
}

function writtenFact(boot: BootState, slots: DeviceStatus['slots']): DeviceStatus['facts']['written'] {
  const slot: SlotName = boot.running === 'A' ? 'B' : 'A';
  const holds = slots[slot];
  if (holds === null || holds.confirmedMs !== null) return null;
  const startsNext = boot.order[0] === slot && boot.attemptsLeft[slot] > 0;
  return { ...versionFact(holds, holds.writtenMs), slot, startsNext };
}

function confirmedFact(slots: DeviceStatus['slots']): DeviceStatus['facts']['confirmed'] {
  let latest: (VersionFact & { slot: SlotName }) | null = null;
  for (const slot of ['A', 'B'] as const) {
    const holds = slots[slot];
    if (holds === null || holds.confirmedMs === null) continue;
    if (latest === null || holds.confirmedMs > latest.timeMs)
      latest = { ...versionFact(holds, holds.confirmedMs), slot };
  }
  return latest;
}

function named(fact: { version: string; sequence: number } | null, nothing: string): string {
  return fact === null ? nothing : `${fact.version} (sequence ${fact.sequence})`;
}

/** For people. */
export function describeStatus(status: DeviceStatus): string {
  const { facts, boot } = status;
  const { written, confirmed, running } = facts;
  const lines = [
    `${status.device.vendor} ${status.device.deviceType}`,
    `received   ${named(facts.received, 'nothing yet')}`,
    `written    ${named(written, 'nothing that waits')}${written === null ? '' : ` in slot ${written.slot}, ${written.startsNext ? 'starts at the next reboot' : 'will not be started'}`}`,
    `running    ${running.version === null ? 'an unknown version' : `${running.version} (sequence ${running.sequence})`} in slot ${running.slot}`,
    `confirmed  ${named(confirmed, 'nothing yet')}${confirmed === null ? '' : ` in slot ${confirmed.slot}`}`,
    `install    ${status.installState}`,
    `boot       order ${boot.order.join(' ')}, attempts left A ${boot.attemptsLeft.A}, B ${boot.attemptsLeft.B}, environment ${boot.environment}`,
  ];
  for (const failed of status.failed) lines.push(`failed     ${named(failed, '')}; will not be tried again`);
  for (const refusal of status.refusals) lines.push(`refused    ${refusal.count} x ${refusal.explanation}`);
  if (status.stateHealth.facts === 'lost') lines.push('warning    the state file was damaged; versions are unknown');
  if (status.stateHealth.floor === 'lost') lines.push('warning    both copies of the sequence floor are damaged');
  if (status.stateHealth.floor === 'one-copy-lost') lines.push('warning    one copy of the sequence floor is damaged');
  lines.push(...describeReceiving(status.receiving));
  return `${lines.join('\n')}\n`;
}

/** `listen` writes twice a second; what is older than this is not how things are. */
const CURRENT_SECONDS = 10;

function describeReceiving(receiving: DeviceStatus['receiving']): string[] {
  if (receiving === null) return ['receiving  not listening'];
  const { ageSeconds, connected, signal, history, storage, wrong, advice, timeMs, frequencyHz } = receiving;
  const age = ageText(ageSeconds);
  const objects = receiving.objects.filter((object) => object.forThisDevice);
  const lines = objects.map(
    ({ identity, fraction, sizeBytes }) =>
      `receiving  ${(100 * fraction).toFixed(1)} % of ${identity} (${sizeBytes} bytes), counted ${age}`,
  );
  if (objects.length === 0) lines.push(`receiving  nothing for this device, counted ${age}`);
  const isOld = ageSeconds > CURRENT_SECONDS;
  if (isOld) lines.push(`warning    these numbers are old: written ${age}; listen does not run, or gets no samples`);
  if (storage !== null) lines.push(`warning    ${describeStorage(storage)}`);
  const wrongText = wrong === null ? undefined : describeWrong(wrong);
  if (wrongText !== undefined) lines.push(`wrong      ${wrongText}`);
  if (!connected) lines.push(`source     gone, or at its end, ${age}; of a dongle, check its cable and rtl_tcp`);
  if (signal !== null) {
    const measured = ageText(ageSeconds + (timeMs - signal.timeMs) / 1000);
    lines.push(`signal     ${frequencyHz / 1e6} MHz: ${describeCarrier(signal.carrier)}; measured ${measured}`);
    for (const stream of signal.streams)
      lines.push(`stream ${stream.stream}   ${describeStream(stream)}; measured ${measured}`);
  }
  const hour = describeHistory(history, timeMs);
  if (hour !== undefined) lines.push(`history    ${hour}; up to ${age}`);
  if (advice !== null)
    lines.push(`advice     ${isOld ? `As of ${age}: nothing was` : 'Nothing is'} received. ${advice.sentence}`);
  return lines;
}

function describeStream(stream: MeasuredStream): string {
  const { tracking, locked, blockErrorRate, groups, wholeGroups } = stream;
  const parts = [locked ? 'locked' : tracking ? 'followed, not locked' : 'not followed'];
  const followed = describeFollowed(stream);
  if (locked && blockErrorRate !== null) parts.push(`block error rate ${percent(blockErrorRate)}`);
  if (followed !== '') parts.push(followed);
  parts.push(`${wholeGroups} of ${groups} groups whole`);
  return parts.join(', ');
}

/** 8 s ago, 5 min ago, 3 h ago, 12 days ago. */
function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s ago`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min ago`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(0)} h ago` : `${(seconds / 86_400).toFixed(0)} days ago`;
}
