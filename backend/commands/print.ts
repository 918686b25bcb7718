/** stdout is data: JSON lines when it is not a terminal or when asked; a table for people otherwise. */

export interface Output {
  readonly json: boolean;
  data(text: string): void;
  people(text: string): void;
}

export function standardOutput(json: boolean): Output {
  return {
    json: json || !process.stdout.isTTY,
    data: (text) => void process.stdout.write(text),
    people: (text) => void process.stderr.write(`${text}\n`),
  };
}

export type Row = Readonly<Record<string, unknown>>;

export function printRows(output: Output, rows: readonly Row[], columns: readonly string[]): void {
  if (output.json) for (const row of rows) output.data(`${JSON.stringify(row)}\n`);
  else output.data(table(rows, columns));
}

/** One thing: a JSON line, or a name and a value on each line. */
export function printRow(output: Output, row: Row): void {
  if (output.json) output.data(`${JSON.stringify(row)}\n`);
  else
    for (const [name, value] of Object.entries(row))
      output.data(`${name.padEnd(19)} ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function table(rows: readonly Row[], columns: readonly string[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
