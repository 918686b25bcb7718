/** A receiver that listens two hours a day. */

import { airtimeOf, GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { Reception } from '#codec/groups/reception.ts';
import { received, Seeded } from '../../groups/station.ts';
import { Broadcast } from './broadcast.ts';
import { BEARERS } from './channel.ts';
import { print, row, table, verdict } from '../print.ts';

const SHARE = 0.9;
const LOSS = 0.1;
const HOURS_A_DAY = 2;
const SIZE_BYTES = 3_000_000;
const BAR_HOURS = 185;

export function habitPart(seed: number, isQuick: boolean): void {
  const sizeBytes = isQuick ? SIZE_BYTES / 10 : SIZE_BYTES;
  print(
    `${HOURS_A_DAY} hours a day, ${sizeBytes} bytes, ${100 * LOSS} % loss, ${100 * SHARE} % of one C stream; the receiver is off in between`,
  );
  print('and its clock starts anew each day; what it holds it keeps (its log).\n');
  const daySlots = Math.round(86_400 * GROUPS_PER_SECOND);
  const listeningSlots = Math.round(3600 * HOURS_A_DAY * GROUPS_PER_SECOND);
  const broadcast = new Broadcast({ bearer: BEARERS.C, sizeBytes, seed });
  const random = new Seeded(seed + 1);
  const reception = new Reception();
  reception.push(broadcast.announcement());
  let ours = 0;
  let wasOff = true;
  for (let slot = 0; ; slot++) {
    if (ours >= (slot + 1) * SHARE) continue;
    ours++;
    const isOff = slot % daySlots >= listeningSlots;
    const carried = isOff ? broadcast.skip() : broadcast.next();
    if (isOff || random.next() < LOSS) {
      wasOff ||= isOff;
      continue;
    }
    const events = reception.push(received(carried.group, slot, wasOff));
    wasOff = false;
    reception.takeRecords();
    if (!events.some(({ kind }) => kind === 'object')) continue;
    const hours = slot / GROUPS_PER_SECOND / 3600;
    const forecast = airtimeOf({
      sizeBytes,
      streams: [{ stream: 1, share: SHARE }],
      loss: LOSS,
      listeningSecondsPerDay: 3600 * HOURS_A_DAY,
    });
    table(['calendar hours', 'bar', 'forecast 50 %', 'forecast 90 %']);
    row([
      hours.toFixed(1),
      verdict(hours, '<=', BAR_HOURS, 1),
      (forecast.seconds50 / 3600).toFixed(1),
      (forecast.seconds90 / 3600).toFixed(1),
    ]);
    return;
  }
}
