/** The journey of the demo, on a smaller image, while its programs are killed at random moments. */

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Journey } from '../../scripts/demo/journey.ts';

const VICTIMS = ['backend', 'gateway', 'receiver'] as const;
const KILLS = 9;

function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface KilledJourney {
  readonly kills: readonly string[];
  readonly slotIsNew: boolean;
  readonly confirmed: { readonly slot: string; readonly version: string | null } | null;
  readonly newVersion: string;
}

/** The developer tries until the backend lists the update, as a person would. */
async function publishWhateverHappens(journey: Journey): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt++) {
    try {
      // An answer may have been lost and the update not: what counts is the list.
      if (await journey.hasUpdate(journey.newApplication.version)) return;
      await journey.publish();
    } catch {
      await sleep(500);
    }
  }
  throw new Error('The update could not be published.');
}

export async function travelWithKills(seed: number, timeoutMs: number): Promise<KilledJourney> {
  const random = randomOf(seed);
  const folder = mkdtempSync(join(tmpdir(), 'carillon-kills-'));
  const journey = new Journey({
    ...{ folder, seed, speed: 10, cnDb: 26, lossShare: 0.1, rds2: false },
    isPacked: (path) => /^(package\.json|README\.md|bin\/|plugins\/html\.)/.test(path),
  });
  const kills: string[] = [];
  try {
    journey.packImages();
    await journey.setUpBackend();
    await journey.provisionDevice();
    await journey.start('gateway');
    await journey.start('receiver');
    const published = publishWhateverHappens(journey);
    const untilMs = Date.now() + timeoutMs;
    let hasEnded = false;
    while (Date.now() < untilMs) {
      if (kills.length < KILLS) {
        await sleep(random() * 1800);
        const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'gateway';
        // A receiver that has done its work is not started again.
        if (victim === 'receiver' && journey.program('receiver')?.hasEnded === true) hasEnded = true;
        await journey.kill(victim);
        kills.push(victim);
        await sleep(random() * 300);
        if (!(victim === 'receiver' && hasEnded)) await journey.start(victim);
      } else {
        await published;
        const status = hasEnded ? 0 : await journey.receiverEnds(untilMs - Date.now());
        if (status !== 0) throw new Error(`The receiver ended with status ${String(status)}.`);
        break;
      }
    }
    await journey.reboot();
    await journey.markGood();
    const { facts } = await journey.status();
    const image = readFileSync(journey.path('new.img'));
    const slot = readFileSync(journey.path('device', 'slots', 'slot-b.img')).subarray(0, image.length);
    return {
      kills,
      slotIsNew: digest(slot) === digest(image),
      confirmed: facts.confirmed,
      newVersion: journey.newApplication.version,
    };
  } catch (error) {
    const logs = journey.logFiles().map((path) => `== ${path}\n${readFileSync(path, 'utf8').slice(-2000)}`);
    throw new Error(`seed ${seed}, killed ${kills.join(' ')}: ${String(error)}\n${logs.join('\n')}`, { cause: error });
  } finally {
    await journey.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}
