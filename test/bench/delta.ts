/**
 * `npm run bench -- delta [--pair NAME]... [--full] [--no-tools] [--fresh] [--list]`: bytes of a patch, and what making and applying it takes,
 * beside other tools. Pairs are built from packages by name with the machine's own settings of apt and npm, and kept.
 */

import { parseArgs } from 'node:util';
import { measureOurs, type OurFigure } from './delta/ours.ts';
import { buildPair, PAIRS, type Pair, sizeOf } from './delta/pairs.ts';
import { BSDIFF_XZ, type ToolFigure, toolFigures } from './delta/tools.ts';

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      pair: { type: 'string', multiple: true },
      'no-tools': { type: 'boolean' },
      fresh: { type: 'boolean' },
      full: { type: 'boolean' },
      list: { type: 'boolean' },
    },
  });
  if (values.list === true) return console.log(PAIRS.map(({ name }) => name).join('\n'));
  const unknown = values.pair?.find((name) => !PAIRS.some((pair) => pair.name === name));
  if (unknown !== undefined) throw new Error(`there is no pair ${unknown}: --list shows all`);
  console.log('no randomness, no seed; sizes in bytes; a patch inside a package, without digests of its own');
  for (const pair of PAIRS)
    if (values.pair === undefined || values.pair.includes(pair.name))
      onePair(pair, values['no-tools'] !== true, values.fresh === true, values.full === true);
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** full: also the new file alone, beside xz -9e. */
function onePair(pair: Pair, withTools: boolean, fresh: boolean, full: boolean): void {
  console.log(`\n${pair.name}`);
  let built;
  try {
    built = buildPair(pair);
  } catch (error) {
    console.log(`  NOT BUILT: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  console.log(`  old ${sizeOf(built.oldPath)}, new ${sizeOf(built.newPath)}`);
  const ours = measureOurs(built);
  tellOurs('Carillon', ours);
  if (full) tellOurs('Carillon, full', measureOurs({ ...built, oldPath: '/dev/null' }));
  const figures: ToolFigure[] = withTools ? toolFigures(built, fresh, (figure) => tell(figure, ours.bytes)) : [];
  judge(pair, ours.bytes, figures);
}

function tellOurs(name: string, ours: OurFigure): void {
  line(
    name,
    ours.bytes,
    `make ${ours.makeSeconds.toFixed(1)} s, ${megabytes(ours.makeRssBytes)}; apply ${ours.applySeconds.toFixed(1)} s, ${megabytes(ours.applyRssBytes)}; decoded, the same`,
  );
}

function tell(figure: ToolFigure, oursBytes: number): void {
  if (figure.bytes === undefined) line(figure.tool, undefined, figure.missing ?? '');
  else
    line(
      figure.tool,
      figure.bytes,
      `${(figure.bytes / oursBytes).toFixed(2)} x ours; make ${figure.makeSeconds?.toFixed(1)} s, ${megabytes(figure.makeRssBytes ?? 0)}${figure.cached === true ? ' (measured before)' : ''}`,
    );
}

/** The bar is a figure that was reached with certain versions of the packages; for others its ratio to bsdiff + xz counts. */
function judge(pair: Pair, oursBytes: number, figures: readonly ToolFigure[]): void {
  const bsdiff = figures.find(({ tool }) => tool === BSDIFF_XZ)?.bytes;
  const best = Math.min(...figures.filter(({ tool }) => !tool.startsWith('xz')).map(({ bytes }) => bytes ?? Infinity));
  if (best < Infinity) line('best other tool', best, `${(best / oursBytes).toFixed(2)} x ours`);
  if (pair.bar === undefined) return;
  const { bytes, bsdiffBytes } = pair.bar;
  if (bsdiffBytes !== undefined && bsdiff !== undefined) {
    const [wanted, reached] = [bytes / bsdiffBytes, oursBytes / bsdiff];
    line(
      'bar',
      bytes,
      `${wanted.toFixed(3)} of bsdiff + xz; ours ${reached.toFixed(3)}: ${reached <= wanted ? 'holds' : 'NOT REACHED'}`,
    );
  } else line('bar', bytes, `of the versions it was measured with; ours is ${(oursBytes / bytes).toFixed(2)} of it`);
}

function line(name: string, bytes: number | undefined, says: string): void {
  console.log(`  ${name.padEnd(20)} ${String(bytes ?? '-').padStart(11)}  ${says}`);
}
