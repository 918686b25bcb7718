/** The text fields of an upload, parsed once into what they mean. */

import { MAX_PAYLOADS } from '#codec/package/manifest.ts';
import { Refusal } from '../refusal.ts';
import type { DailyWindow } from '#codec/messages/link.ts';
import type { UpdateKind } from '../store/tables.ts';
import { checkSpan, parseTime } from '../time.ts';
import { parseWindows } from '../windows.ts';

export type Audience = 'all' | readonly string[];

export interface UpdateFields {
  readonly deviceTypeId: string;
  readonly kind: UpdateKind;
  /** For people. */
  readonly name: string;
  readonly target: string;
  readonly version: string;
  readonly scheduleMs: number | null;
  readonly deadlineMs: number | null;
  readonly priority: number;
  /** When of the day it is on air; empty for all of it. */
  readonly windows: readonly DailyWindow[];
  readonly encoding: 'auto' | 'full' | 'delta';
  /** Versions to start a delta from; empty for the newest earlier one. */
  readonly bases: readonly string[];
  readonly audience: Audience;
  readonly notes: string;
  /** What the client says the content's digest is. */
  readonly sha256: string | undefined;
}

const DEFAULT_PRIORITY = 5;
const DEFAULT_TARGET = 'rootfs';
const KINDS = ['image', 'app'] as const;
const ENCODINGS = ['auto', 'full', 'delta'] as const;

const KNOWN = [
  'deviceTypeId',
  'kind',
  'name',
  'version',
  'scheduleTime',
  'deadline',
  'priority',
  'windows',
  'encoding',
  'bases',
  'gateways',
  'notes',
  'sha256',
];

function invalid(sentence: string): Refusal {
  return new Refusal('field-invalid', sentence);
}

/** Texts end up in the signed manifest, on terminals and on pages. The same bounds as codec/package/manifest.ts. */
export function checkText(
  text: string,
  field: string,
  { maxBytes, lines = false }: { maxBytes: number; lines?: boolean },
): string {
  const shown = lines ? text.replaceAll('\n', '') : text;
  if (text === '') throw invalid(`${field} is missing or empty.`);
  if (Buffer.byteLength(text) > maxBytes) throw invalid(`${field} is longer than ${maxBytes} bytes.`);
  if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(shown)) throw invalid(`${field} contains control characters.`);
  return text;
}

function oneOf<T extends string>(text: string, field: string, choices: readonly T[]): T {
  const choice = choices.find((c) => c === text);
  if (choice === undefined)
    throw invalid(`${field} has to be one of ${choices.join(', ')}, not ${JSON.stringify(text)}.`);
  return choice;
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function parseAudience(text: string | undefined): Audience {
  const names = list(text);
  return names.length === 0 || (names.length === 1 && names[0] === 'all') ? 'all' : [...new Set(names)];
}

function parseBases(text: string | undefined): string[] {
  const versions = list(text);
  if (versions.length > MAX_PAYLOADS) throw invalid(`bases are ${versions.length} versions; ${MAX_PAYLOADS} at most.`);
  return versions;
}

function parsePriority(text: string): number {
  if (!/^[1-9]$/.test(text)) throw invalid(`priority has to be 1 (low) to 9 (high), not ${JSON.stringify(text)}.`);
  return Number(text);
}

export function parseFields(fields: ReadonlyMap<string, string>, nowMs: number): UpdateFields {
  const unknown = [...fields.keys()].find((name) => !KNOWN.includes(name));
  if (unknown !== undefined)
    throw new Refusal(
      'field-unknown',
      `There is no field ${JSON.stringify(unknown)}. The fields are ${KNOWN.join(', ')}.`,
    );
  const get = (name: string): string | undefined => {
    const value = fields.get(name);
    return value === '' ? undefined : value;
  };
  const kind = oneOf(get('kind') ?? 'image', 'kind', KINDS);
  const version = checkText(get('version') ?? '', 'version', { maxBytes: 64 });
  if (kind === 'app' && get('name') === undefined) throw invalid('name is missing: it says which app this is.');
  const name = checkText(get('name') ?? DEFAULT_TARGET, 'name', { maxBytes: 64 });
  const scheduleText = get('scheduleTime');
  const deadlineText = get('deadline');
  const scheduleMs = scheduleText === undefined ? null : parseTime(scheduleText, 'scheduleTime', nowMs);
  const deadlineMs = deadlineText === undefined ? null : parseTime(deadlineText, 'deadline', nowMs);
  checkSpan({ scheduleMs, deadlineMs }, nowMs);
  // A form sends line ends as CR LF.
  const notes = (get('notes') ?? '').replaceAll('\r\n', '\n');
  if (notes !== '') checkText(notes, 'notes', { maxBytes: 1024, lines: true });
  const sha256 = get('sha256')?.toLowerCase();
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) throw invalid('sha256 has to be 64 hexadecimal digits.');
  return {
    deviceTypeId: checkText(get('deviceTypeId') ?? '', 'deviceTypeId', { maxBytes: 64 }),
    kind,
    name,
    target: kind === 'app' ? name : DEFAULT_TARGET,
    version,
    scheduleMs,
    deadlineMs,
    priority: parsePriority(get('priority') ?? String(DEFAULT_PRIORITY)),
    windows: parseWindows(list(get('windows'))),
    encoding: oneOf(get('encoding') ?? 'auto', 'encoding', ENCODINGS),
    bases: parseBases(get('bases')),
    audience: parseAudience(get('gateways')),
    notes,
    sha256,
  };
}
