import type { ServerResponse } from 'node:http';

/** Clients give up after minutes without a sign: undici, and so Node's fetch, after five. */
const EVERY_MS = 30_000;

/**
 * Says "102 Processing" (RFC 2518 clause 10.1, an interim response of RFC 9110 clause 15.2) every half minute while the work takes, and
 * nothing where it is quick. Clients that do not know it pass over it.
 */
export async function whileProcessing<T>(response: ServerResponse, work: Promise<T>, everyMs = EVERY_MS): Promise<T> {
  const timer = setInterval(() => {
    if (!response.headersSent && response.socket?.writable === true) response.writeProcessing();
  }, everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
