/** Shapes of the API, once: checks, types and the OpenAPI document come from here. Times are ISO 8601 in UTC. */

import { WINDOWS_MAX } from '#codec/messages/link.ts';
import { type Static, type TSchema, Type } from 'typebox';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Id = Type.String({ description: 'Sorts by the time it was made.' });
const Time = Type.String({ format: 'date-time' });
const Count = Type.Integer({ minimum: 0 });
const Windows = Type.Array(Type.String({ maxLength: 16 }), {
  maxItems: WINDOWS_MAX,
  description: 'Times of the day in UTC, like 22:00-05:00, when it may be on air. Empty: all of the day.',
});

export const ErrorBody = Type.Object({
  error: Type.Object({
    code: Type.String({ description: 'Stable; for programs.' }),
    message: Type.String({ description: 'A sentence; for people.' }),
  }),
});

export const Paging = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 64, description: 'nextCursor of the page before.' })),
});

export const page = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Nullable(Type.String()) });

export const IdParams = Type.Object({ id: Type.String({ maxLength: 64 }) });

export const DeviceTypeBody = Type.Object(
  {
    vendor: Type.String({ minLength: 1, maxLength: 64, description: 'A domain name of the vendor.' }),
    name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[^/]+$' }),
    slotSizeBytes: Type.Optional(Type.Integer({ minimum: 1 })),
    hardwareRevisions: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 64, uniqueItems: true, description: 'Absent: every one.' }),
    ),
  },
  { additionalProperties: false },
);

export const DeviceType = Type.Object({
  id: Id,
  vendor: Type.String(),
  name: Type.String(),
  slotSizeBytes: Nullable(Count),
  hardwareRevisions: Type.Array(Count),
  lastSequence: Count,
  createdTime: Time,
});

/** For the document only: the fields of the form are parsed in updates/fields.ts. */
export const UpdateForm = Type.Object({
  file: Type.String({ format: 'binary', description: 'The content. Send it last: then it can be refused early.' }),
  deviceTypeId: Type.String(),
  version: Type.String({ description: 'For people; once per device type, kind and app.' }),
  name: Type.Optional(Type.String({ description: 'Which app; for people where kind is image.' })),
  kind: Type.Optional(Type.Union([Type.Literal('image'), Type.Literal('app')], { default: 'image' })),
  scheduleTime: Type.Optional(
    Type.String({ description: 'ISO 8601 or "now". Absent: not broadcast until scheduled.' }),
  ),
  deadline: Type.Optional(
    Type.String({
      description:
        'ISO 8601. Broadcasting ends here; a gateway that cannot send it by then refuses the job and says why.',
    }),
  ),
  priority: Type.Optional(Type.Integer({ minimum: 1, maximum: 9, default: 5 })),
  windows: Type.Optional(
    Type.String({ description: 'Times of the day in UTC with commas, like 22:00-05:00. Absent: all of the day.' }),
  ),
  encoding: Type.Optional(
    Type.Union([Type.Literal('auto'), Type.Literal('full'), Type.Literal('delta')], { default: 'auto' }),
  ),
  bases: Type.Optional(
    Type.String({
      description: 'Versions that devices have now, with commas: there is a way from each. Absent: the newest.',
    }),
  ),
  gateways: Type.Optional(Type.String({ default: 'all', description: 'Names with commas, or all.' })),
  notes: Type.Optional(Type.String()),
  sha256: Type.Optional(Type.String({ description: 'SHA-256 of the file in hex; checked.' })),
});

const PERCENTILES = {
  seconds50: Type.Integer({
    minimum: 0,
    description: 'Half of the receivers that listen from the start have it by then.',
  }),
  seconds90: Count,
  seconds99: Count,
};

const StationForecast = Type.Object(
  {
    streams: Type.Array(Type.Object({ stream: Count, share: Type.Number() })),
    loss: Type.Number(),
    meanSeconds: Count,
    ...PERCENTILES,
    twoHoursADay: Type.Object(PERCENTILES, { description: 'Of those that listen two hours a day, pauses included.' }),
  },
  { description: 'Computed for an ordinary station that sends nothing else of ours; nothing was measured.' },
);

export const Update = Type.Object({
  id: Id,
  deviceType: Type.Object({ id: Id, vendor: Type.String(), name: Type.String() }),
  kind: Type.String(),
  name: Type.String(),
  version: Type.String(),
  sequence: Count,
  state: Type.String({ description: 'making, unscheduled, planned, live, ended or withdrawn.' }),
  approval: Type.String(),
  notes: Type.String(),
  author: Type.String(),
  priority: Count,
  scheduleTime: Nullable(Time),
  deadline: Nullable(Time),
  windows: Windows,
  gateways: Type.Union([Type.Literal('all'), Type.Array(Type.String())]),
  encoding: Nullable(Type.String()),
  ways: Type.Array(
    Type.Object({
      base: Nullable(Type.String({ description: 'The version that it starts from; null for full content.' })),
      through: Nullable(
        Type.String({
          description: 'The version that it leads to, from where another way goes on; null for this one.',
        }),
      ),
      onAirBytes: Count,
      reason: Type.String({ description: 'Why this way was chosen, for people.' }),
    }),
    { description: 'How devices come to it, one payload each. Empty until it is packed.' },
  ),
  sizes: Type.Object({
    installedBytes: Count,
    fullBytes: Nullable(Count),
    payloadBytes: Nullable(Count),
    onAirBytes: Nullable(Count),
  }),
  /** Null for what is not packed yet or too large for the air. */
  forecast: Nullable(Type.Object({ rds: StationForecast, rds2: StationForecast })),
  contentSha256: Type.String(),
  packageSha256: Nullable(Type.String()),
  createdTime: Time,
  withdrawnTime: Nullable(Time),
});

export const ScheduleBody = Type.Object(
  {
    at: Type.String({ description: 'ISO 8601 or "now".' }),
    deadline: Type.Optional(Nullable(Type.String())),
    priority: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
    windows: Type.Optional(Windows),
    gateways: Type.Optional(Type.Union([Type.Literal('all'), Type.Array(Type.String(), { minItems: 1 })])),
  },
  { additionalProperties: false },
);

export const WithdrawBody = Nullable(
  Type.Object({ reason: Type.Optional(Type.String({ maxLength: 200 })) }, { additionalProperties: false }),
);

/** Counted at the gateway, not planned. */
const OnAir = Type.Object({
  groups: Count,
  firstGroupTime: Nullable(Time),
  lastGroupTime: Nullable(Time),
  countedTime: Time,
  countAgeSeconds: Type.Number(),
});

const NoReport = Type.Null({
  description: 'There is no way back from a device: null until a report comes another way.',
});

export const Job = Type.Object({
  id: Id,
  updateId: Id,
  gateway: Type.String(),
  deviceType: Type.Object({ id: Id, vendor: Type.String(), name: Type.String() }),
  version: Type.String(),
  sequence: Count,
  state: Type.String({ description: 'planned, due, stored, on-air, finished, withdrawn, refused or expired.' }),
  reason: Type.String({ description: 'Why it ended, in a sentence; what a gateway said when it refused.' }),
  priority: Count,
  scheduleTime: Time,
  deadline: Nullable(Time),
  windows: Windows,
  paused: Type.Boolean({ description: 'Off the air until it is resumed.' }),
  createdTime: Time,
  changedTime: Time,
  facts: Type.Object({
    onAir: Nullable(OnAir),
    received: NoReport,
    written: NoReport,
    running: NoReport,
    confirmed: NoReport,
  }),
});

export const JobQuery = Type.Object({
  ...Paging.properties,
  updateId: Type.Optional(Type.String({ maxLength: 64 })),
  gateway: Type.Optional(Type.String({ maxLength: 64 })),
  state: Type.Optional(Type.String({ maxLength: 64 })),
});

export const Gateway = Type.Object({
  id: Id,
  name: Type.String(),
  certificateSha256: Type.String(),
  createdTime: Time,
  revokedTime: Nullable(Time),
  connected: Type.Boolean(),
  software: Nullable(Type.String()),
  lastHeartbeat: Nullable(
    Type.Object({
      receivedTime: Time,
      ageSeconds: Type.Number(),
      gatewayTime: Time,
      transmitting: Type.Boolean(),
      onAir: Type.Array(
        Type.Object({ jobId: Type.String(), groups: Count, firstGroupTime: Time, lastGroupTime: Time }),
      ),
      streams: Type.Array(Type.Object({ stream: Count, groups: Count, dataGroups: Count })),
    }),
  ),
});

export const LinkCounts = Type.Record(Type.String(), Count);

export type UpdateView = Static<typeof Update>;
export type JobView = Static<typeof Job>;
export type GatewayView = Static<typeof Gateway>;
export type DeviceTypeView = Static<typeof DeviceType>;
