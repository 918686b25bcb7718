/** What happens on the link, counted by reason. A count only grows. */
export type LinkEvent =
  | 'connected'
  | 'handshake-failed'
  | 'closed'
  | 'idle'
  | 'replaced'
  | 'no-hello'
  | 'gateway-unknown'
  | 'gateway-revoked'
  | 'protocol'
  | 'out-of-order'
  | 'frame-empty'
  | 'frame-too-long'
  | 'not-cbor'
  | 'unknown-kind'
  | 'wrong-fields'
  | 'bad-offset'
  | 'internal'
  | 'receipts'
  | 'receipts-ignored'
  | 'heartbeats'
  | 'wants'
  | 'wants-refused'
  | 'pieces'
  | 'piece-bytes';

export class LinkCounts {
  readonly #counts = new Map<LinkEvent, number>();

  add(event: LinkEvent, amount = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + amount);
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => a.localeCompare(b)));
  }
}
