import { createLog } from '../log.ts';
import { type Running, start } from '../start.ts';
import type { Output } from './print.ts';

export interface ServeOptions {
  readonly data: string;
  readonly host: string;
  readonly apiPort: number | undefined;
  readonly linkPort: number | undefined;
  readonly json: boolean;
}

/** Serves until SIGINT or SIGTERM. */
export async function serve(options: ServeOptions, output: Output): Promise<void> {
  const { data, host, apiPort, linkPort, json } = options;
  const log = createLog({ json });
  const running = await start({
    data,
    host,
    log,
    ...(apiPort !== undefined && { apiPort }),
    ...(linkPort !== undefined && { linkPort }),
  });
  const address = host.includes(':') ? `[${host}]` : host;
  const ready = {
    ready: true,
    api: `http://${address}:${running.apiPort}`,
    host,
    apiPort: running.apiPort,
    linkPort: running.linkPort,
    pid: process.pid,
  };
  output.data(`${JSON.stringify(ready)}\n`);
  output.people(
    `Serving ${data}: API at ${ready.api} (described at ${ready.api}/docs), gateways at port ${ready.linkPort}.`,
  );
  if (!isLoopback(host))
    output.people(
      'The API speaks plain HTTP: API tokens can be read on the way. Put a TLS proxy in front of it, or serve 127.0.0.1.',
    );
  await untilStopped(running);
  output.people('Stopped. Jobs and connections continue at the next start.');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

async function untilStopped(running: Running): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await running.close();
}
