/** Requests to the backend. What it refuses becomes a sentence and exit status 3; not reaching it is 1. */

import { CommandError } from '../refusal.ts';
import type { Connection } from './connection.ts';

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export class Api {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get<T>(path: string): Promise<T> {
    return this.#request('GET', path, undefined, {});
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#request('POST', path, JSON.stringify(body), { 'content-type': 'application/json' });
  }

  postForm<T>(path: string, form: FormData): Promise<T> {
    return this.#request('POST', path, form, {});
  }

  /** Every item, page after page, up to `most`. */
  async list<T>(path: string, most = Number.POSITIVE_INFINITY): Promise<T[]> {
    const items: T[] = [];
    const join = path.includes('?') ? '&' : '?';
    let cursor: string | null = null;
    do {
      const limit = Math.min(200, most - items.length);
      const from: string = cursor === null ? '' : `&cursor=${cursor}`;
      const page: Page<T> = await this.get(`${path}${join}limit=${limit}${from}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && items.length < most);
    return items;
  }

  async #request<T>(
    method: string,
    path: string,
    body: string | FormData | undefined,
    headers: Record<string, string>,
  ) {
    const { url, token } = this.#connection;
    let response: Response;
    try {
      response = await fetch(url + path, {
        method,
        headers: { ...headers, authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
      });
    } catch (error) {
      throw new CommandError(
        `The backend at ${url} could not be reached (${causeOf(error)}). Nothing is known to have changed.`,
        1,
        error,
      );
    }
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer as T;
    const message = messageIn(answer) ?? `The backend answered ${response.status} ${response.statusText}.`;
    throw new CommandError(message, response.status < 500 ? 3 : 1);
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}

function messageIn(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
  return typeof error.message === 'string' ? error.message : undefined;
}
