/** What was heard and was wrong: by chance, at the edge of reception, or because somebody lies. Counted since listening began. */

import type { ReceptionStatus } from '#codec/groups/reception.ts';
import { Fields, type NumberLimits } from '#hardware/file/fields.ts';

export interface WrongCounts {
  /** Groups whose handle or place cannot be. */
  readonly groups: number;
  /** Symbols that were found to be wrong, one by one, and left out. */
  readonly symbols: number;
  /** Symbols of a time in which many were wrong, left out together. */
  readonly symbolsOfSpells: number;
  /** Symbols that were given up because too many among them were wrong. */
  readonly symbolsForgotten: number;
  /** Times that everything was there and was not the object that the directory names. */
  readonly mismatches: number;
  /** Directories that what came after them contradicted, or that were not of this station or version. */
  readonly directories: number;
}

const NAMES = ['groups', 'symbols', 'symbolsOfSpells', 'symbolsForgotten', 'mismatches', 'directories'] as const;

export function wrongCounts({ faults, drops }: Pick<ReceptionStatus, 'faults' | 'drops'>): WrongCounts {
  const dropped = (...reasons: string[]): number => reasons.reduce((sum, reason) => sum + (drops[reason] ?? 0), 0);
  return {
    groups: dropped('group-in-wrong-run', 'impossible-place', 'handle-unclear'),
    symbols: faults['symbols-wrong'],
    symbolsOfSpells: faults['symbols-of-a-spell'],
    symbolsForgotten: faults['symbols-forgotten'] + faults['partial-symbols-forgotten'],
    mismatches: faults['hash-mismatch'],
    directories: dropped('directory-unusable', 'directory-contradicted'),
  };
}

const COUNT: NumberLimits = { from: 0, to: Number.MAX_SAFE_INTEGER };

export function parseWrongCounts(fields: Fields): WrongCounts {
  const [groups, symbols, symbolsOfSpells, symbolsForgotten, mismatches, directories] = NAMES.map((name) =>
    fields.whole(name, COUNT),
  );
  return { groups, symbols, symbolsOfSpells, symbolsForgotten, mismatches, directories };
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** For people; undefined when nothing was wrong. */
export function describeWrong(wrong: WrongCounts): string | undefined {
  const { groups, symbols, symbolsOfSpells, symbolsForgotten, mismatches, directories } = wrong;
  const parts: string[] = [];
  if (groups > 0) parts.push(`${counted(groups, 'group', 'groups')} that cannot be where it was heard`);
  if (symbols > 0) parts.push(`${counted(symbols, 'symbol', 'symbols')} found and left out`);
  if (symbolsOfSpells > 0) parts.push(`${symbolsOfSpells} symbols of a time in which many were wrong left out`);
  if (symbolsForgotten > 0) parts.push(`${symbolsForgotten} symbols given up among too many wrong ones`);
  if (directories > 0) parts.push(`${counted(directories, 'directory', 'directories')} not believed`);
  if (mismatches > 0) parts.push(`${counted(mismatches, 'time', 'times')} all there and not the object named`);
  if (parts.length === 0) return undefined;
  return `${parts.join('; ')}. What is right is kept, and nothing of this is installed`;
}
