/** What happens, for people on stderr and, on request, for programs as one JSON object a line on stdout. */

export type Facts = Readonly<Record<string, unknown>>;

export interface EventStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export class Events {
  readonly #streams: EventStreams;
  readonly #json: boolean;

  constructor(streams: EventStreams, json: boolean) {
    this.#streams = streams;
    this.#json = json;
  }

  readonly say = (event: string, text: string, facts: Facts = {}): void => {
    const timeMs = Date.now();
    this.#streams.stderr.write(`${new Date(timeMs).toISOString()} ${text}\n`);
    if (this.#json) this.#streams.stdout.write(`${JSON.stringify({ event, timeMs, text, ...facts })}\n`);
  };
}
