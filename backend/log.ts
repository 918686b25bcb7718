/** The log goes to stderr: lines for people, or JSON. Secrets never reach it. */

import { type DestinationStream, type Logger, pino } from 'pino';

const REDACT = ['req.headers.authorization', 'req.headers.cookie', 'headers.authorization', 'token', '*.token', 'key'];
/** Fields that every line has and nobody reads. */
const SILENT = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'reqId', 'err', 'req', 'res']);

interface Line {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly req?: { readonly method?: string; readonly url?: string };
  readonly res?: { readonly statusCode?: number };
}

export function createLog(options: { json: boolean; level?: string; to?: { write(text: string): unknown } }): Logger {
  const to = options.to ?? process.stderr;
  const destination: DestinationStream = {
    write: (line) => void to.write(options.json ? line : `${forPeople(line)}\n`),
  };
  return pino({ level: options.level ?? 'info', redact: { paths: REDACT, censor: '(secret)' } }, destination);
}

function forPeople(line: string): string {
  const entry = JSON.parse(line) as Line & Record<string, unknown>;
  const { level, time, msg = '', err, req, res } = entry;
  const rest = Object.entries(entry)
    .filter(([name]) => !SILENT.has(name))
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
  const request = req === undefined ? '' : ` ${req.method} ${req.url}`;
  const status = res === undefined ? '' : ` ${res.statusCode}`;
  const severity = pino.levels.labels[level]?.toUpperCase() ?? '';
  const trace = err === undefined ? '' : `\n  ${err.stack ?? err.message}`;
  return `${new Date(time).toISOString().slice(11, 19)} ${severity.padEnd(5)} ${msg}${request}${status}${rest}${trace}`;
}
