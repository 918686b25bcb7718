export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function row(cells: readonly (string | number)[]): void {
  print(`| ${cells.join(' | ')} |`);
}

export function table(head: readonly string[]): void {
  row(head);
  row(head.map(() => '---'));
}

export const sizeName = (sizeBytes: number): string =>
  sizeBytes < 1_000_000 ? `${sizeBytes / 1000} kB` : `${sizeBytes / 1_000_000} MB`;

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of values in any order. */
export function quantile(values: readonly number[], probability: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = probability * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** A bar of the project, and whether what was measured holds it. */
export function verdict(measured: number, sense: '<=' | '>=', bar: number, digits = 3): string {
  const holds = sense === '<=' ? measured <= bar : measured >= bar;
  return `${measured.toFixed(digits)} ${holds ? sense : 'NOT ' + sense} ${bar}`;
}
